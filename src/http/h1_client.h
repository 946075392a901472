#pragma once
// The client side of HTTP/1: a connection to a server. One request at a time; between requests it lies idle in its shard's
// list and is closed by the first byte or end that arrives unasked.
#include <string>

#include "base/key_index.h"
#include "http/h1_conn.h"
#include "model/model.h"

namespace weir::http {

class H1Client;

// The owner of idle connections (proxy::Upstreams).
class ClientHooks {
 public:
  virtual void released(H1Client& c, bool reusable) = 0;  // the exchange is over; keep it or close it
  virtual void closed(H1Client& c) = 0;  // an idle or finished one is gone
  virtual void broken(H1Client& c,
                      const BadBytes& bytes) = 0;  // what the server sent is not HTTP; its user is told next

 protected:
  ~ClientHooks() = default;
};

struct PoolLink : Link {};
struct AgeLink : Link {};  // among all idle connections of its pool
struct IdleKey : IndexLink {};  // among those that the same exchanges may use

class H1Client final : public H1Conn, public PoolLink, public AgeLink, public IdleKey {
 public:
  H1Client(net::Loop& loop, int fd, const model::Server& server, ClientHooks& hooks);
  ~H1Client() override;

  const model::Server& server() const { return *server_; }
  uint64_t kind = 0;  // only exchanges that ask for the same may use it (model::Route, net::tls_kind)
  const net::Conn* owner = nullptr;  // the client connection that it serves alone; null: anybody's
  uint32_t requests() const { return requests_; }
  uint64_t created_ms() const { return created_ms_; }
  bool connected() const { return state_ != State::connecting; }
  bool usable() const { return !closed() && !input_ended_ && !readable() && !has_leftover(); }

  // Starts an exchange for `user`; `response` will be filled. Raw: no HTTP, bytes both ways.
  void begin(StreamUser& user, Message& response, Method method, bool asked_upgrade, const H1Limits& limits, bool raw);
  // In ms, 0: none. `send`: the server takes nothing; `read`: it says nothing once it has the whole request; `tunnel`: both
  // directions are silent, 0: `read` counts; `fin`: the same after the client has ended its direction, 0: as `tunnel`.
  void set_timeouts(uint32_t send, uint32_t read, uint32_t tunnel, uint32_t fin) {
    send_timeout_ = send;
    read_timeout_ = read;
    tunnel_timeout_ = tunnel ? tunnel : read;
    fin_timeout_ = fin ? fin : tunnel_timeout_;
    client_limit_ = false;
  }
  // The client may be silent in a tunnel for `client` at most, where that is no more than the server may (0: no limit).
  void limit_silence(uint32_t client) {
    client_limit_ = client && (!tunnel_timeout_ || client <= tunnel_timeout_);
    if (client_limit_) tunnel_timeout_ = client;
  }
  // It comes from another shard.
  void taken_over(uint32_t requests, uint64_t created_ms) {
    requests_ = requests;
    created_ms_ = created_ms;
  }
  void set_no_reuse() { keep_alive_ = false; }
  void set_http10(bool on) { http10_ = on; }
  void park(uint32_t timeout_ms);  // becomes idle
  void connecting(uint32_t timeout_ms);
  // Bytes to send as soon as the connection is there, before TLS and everything else (a PROXY header).
  void send_first(const std::string& bytes);
  // Its peer is a SOCKS4 proxy that has to lead to `to` first.
  void go_through_socks4(const net::Addr& to);
  bool head_started() const { return first_byte_; }  // the server has said something

  void send_head(Message& m, bool end) override;
  void send_data(Str data, bool end, HeaderList* trailers) override {
    H1Conn::send_data(data, end, trailers);
    if (!closed()) watch();
  }
  void finish() override;
  void abort() override;

 private:
  enum class State : uint8_t { connecting, idle, head, body, done };

  size_t consume(Str in) override;
  bool wants_input() const override;
  void peer_closed() override;
  void peer_failed(Fault fault) override;
  void body_complete(bool more) override {
    state_ = State::done;
    // More than the answer: whatever it is, it belongs to nobody.
    if (more) keep_alive_ = false;
  }
  void bad_bytes(const BadBytes& bytes) override { hooks_->broken(*this, bytes); }
  void body_bad(Str why) override;
  bool on_open() override;
  void on_connected() override;
  void on_progress() override { watch(); }
  void on_drained() override;
  void on_broken() override;
  void on_timer() override;
  void destroy() override;

  // Sets the deadline anew, because something moved: while a request is being sent the server only has to take it.
  void watch() {
    uint32_t ms = 0;
    if (framing_ == Framing::tunnel)
      ms = send_ended_ ? fin_timeout_ : tunnel_timeout_;
    else if (queued())
      ms = send_timeout_;
    else if (send_ended_)
      ms = read_timeout_;
    if (ms)
      arm(ms);
    else
      disarm();
  }
  size_t take_head(Str in);
  void fail(Fault fault, Str text);
  void gone();

  const model::Server* server_;
  struct Opening;
  Opening* opening_ = nullptr;  // what comes in front of everything; null: nothing (more)
  ClientHooks* hooks_;
  Message* response_ = nullptr;
  const H1Limits* limits_ = nullptr;
  uint64_t created_ms_;
  uint32_t requests_ = 0;
  uint32_t send_timeout_ = 0;
  uint32_t read_timeout_ = 0;
  uint32_t tunnel_timeout_ = 0;
  uint32_t fin_timeout_ = 0;
  uint32_t interim_ = 0;  // bytes of 1xx heads in this exchange
  State state_ = State::connecting;
  Method method_ = Method::get;
  bool asked_upgrade_ = false;
  bool keep_alive_ = true;
  bool first_byte_ = false;
  bool http10_ = false;
  bool opened_ = false;  // connect() has succeeded
  bool client_limit_ = false;  // tunnel_timeout_ is the client's
};

}  // namespace weir::http
