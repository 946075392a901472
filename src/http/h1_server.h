#pragma once
// The server side of HTTP/1: a client's connection. Collects heads, hands each request to the hooks, sends the answer, goes
// on with the next request, drains what a client still sends after an early answer, and carries tunnels and raw TCP.
// Between requests it holds no parser, buffer or arena.
#include "http/h1_conn.h"
#include "model/model.h"

namespace weir::net {
struct ProxyInfo;
}
namespace weir::proxy {
struct Segment;
}

namespace weir::http {

class H1Server;
struct Passport;

// The proxy's half: makes transactions. One per shard.
class ServerHooks {
 public:
  // A request head has arrived: make its transaction, set s.user, return the message to fill. Null: no memory, and the
  // connection is closed.
  virtual Message* begin(H1Server& s) = 0;
  virtual void request(H1Server& s) = 0;  // the head was parsed into that message
  virtual void reject(H1Server& s, const H1Error& error) = 0;  // it was not
  virtual void broken(H1Server& s, const BadBytes& bytes) = 0;  // before that, or in a body: why not
  // Runs rules about the connection itself. False: they have ended it.
  virtual bool screen(H1Server& s, const proxy::Segment& rules) = 0;
  // Its PROXY header or handshake failed (`detail`: OpenSSL's error); it is closed next.
  virtual void preface_failed(H1Server& s, Refusal why, Str text, Str detail) = 0;
  // No complete head came in time, or before the client left; `silent`: not one byte of it. True: the connection is closed
  // without an answer.
  virtual bool ends_quietly(H1Server& s, bool silent) = 0;
  // Else: its exchange has begun, for the answer. `why`: timeout, closed or reset.
  virtual void headless(H1Server& s, Fault why) = 0;
  virtual void idle(H1Server& s) = 0;  // waits for the next request
  virtual void busy(H1Server& s) = 0;  // does not any more
  virtual void closed(H1Server& s) = 0;
  virtual void out_of_memory(H1Server& s) = 0;  // between requests; the connection is closed afterwards
  virtual bool may_keep_alive(const H1Server& s) = 0;

 protected:
  ~ServerHooks() = default;
};

struct IdleLink : Link {};

// A PROXY header and the bytes that its TLVs point to.
struct Preface;

class H1Server final : public H1Conn, public IdleLink {
 public:
  H1Server(net::Loop& loop, int fd, const model::Listener& listener, ServerHooks& hooks);
  ~H1Server() override;

  const model::Listener& listener() const { return *listener_; }
  const model::ClientTimeouts& timeouts() const { return *timeouts_; }
  void set_timeouts(const model::ClientTimeouts* t) { timeouts_ = t; }
  void set_keepalive_requests(uint32_t n) { keepalive_requests_ = n; }
  // After accept: waits for the first request, or, for a TCP listener, starts its one transaction.
  void accepted();
  // Closes an idle connection, or makes the running exchange the last one.
  void drain();

  // --- passing it on to another worker ---
  // Nothing but its place in this process keeps it from going, between two requests.
  bool portable() const;
  // It may go now. Sends what is gathered for it.
  bool ready_to_leave();
  Passport passport() const;
  Str tlvs() const;  // that go with it
  // It was sent: ends here without the client noticing.
  void left();
  // It has come, in place of accepted(). False: it cannot be watched, and is the caller's to close.
  bool arrive(const Passport& p, Str tlvs);

  uint64_t accepted_ms() const { return accepted_ms_; }
  uint64_t first_byte_ms() const { return first_byte_ms_; }  // of the current request
  uint64_t idle_since_ms() const { return idle_since_ms_; }  // accept, or the end of the previous exchange
  uint32_t requests() const { return requests_; }  // including the current one
  bool will_close() const { return close_after_; }
  uint64_t framing_bytes() const { return framing_ == Framing::chunked ? send_left_ : 0; }  // of the answer's chunks
  bool pipelined() const { return pipelined_; }  // the current request had come before the answer to the one before it
  void last_exchange() override { close_after_ = true; }
  // 100 Continue, when the client waits for it and nothing was sent yet.
  void send_continue();
  // What a PROXY header said, or what rules say of the client's session in its place (`version` 0 without a header); or null.
  const net::ProxyInfo* proxied() const;
  // For all exchanges to come: where the client comes from, or what it has connected to.
  void set_session_address(bool source, const net::Addr& addr);
  // The same for what the connection itself has.
  void set_wire_address(bool source, const net::Addr& addr);
  net::Addr wire_destination() const;
  void* session = nullptr;  // the personality's per-connection data, freed by `session_free`
  void (*session_free)(void*) = nullptr;

  void send_head(Message& m, bool end) override;
  void send_data(Str data, bool end, HeaderList* trailers) override;
  void send_interim(Message& m) override;
  void credit(int64_t n) override;
  void finish() override;
  void abort() override;
  // Ends the exchange and the connection without telling the client.
  void vanish() override;

 private:
  enum class State : uint8_t { preface, idle, head, exchange, discard, closing, linger };

  void on_readable() override;
  size_t consume(Str in) override;
  bool wants_input() const override;
  void peer_closed() override;
  void peer_failed(Fault fault) override;
  void body_complete(bool) override {}
  void bad_bytes(const BadBytes& bytes) override { hooks_->broken(*this, bytes); }
  void body_bad(Str why) override;
  void on_connected() override { begin_session(); }
  void on_blocked() override;
  void on_progress() override { on_blocked(); }
  void on_drained() override;
  void on_broken() override;
  void on_timer() override;
  void destroy() override;

  void take_preface();
  void look_for_tls();
  void begin_tls();
  void preface_timed_out();
  void bad_preface(Refusal why, Str text);
  void open_session();
  void begin_session();
  void begin_tcp();
  bool begin_refusal(Str bytes);  // what came of the head
  size_t take_head(Str in);
  void parse(Str head);
  void refuse(uint16_t status, Str reason, Str bytes);
  void end_headless(Fault why);
  void left_early(Fault why);
  uint32_t waiting_time() const;
  void next_request();
  void go_linger();
  void gone();
  Str connection_value(const Message& m, Framing f) const;

  const model::Listener* listener_;
  const model::ClientTimeouts* timeouts_;
  ServerHooks* hooks_;
  uint64_t accepted_ms_;
  uint64_t first_byte_ms_ = 0;
  uint64_t idle_since_ms_;
  uint32_t requests_ = 0;
  uint32_t keepalive_requests_;
  State state_ = State::idle;
  uint8_t version_ = 11;  // of the current request
  bool head_request_ = false;
  bool close_after_ = false;
  bool request_keep_alive_ = true;
  bool expects_continue_ = false;
  bool head_sent_ = false;
  bool lingering_wanted_ = false;
  bool pipelined_ = false;
  Preface* preface_ = nullptr;
  H1Body* discard_ = nullptr;  // of an unread request body; only while discarding
  Message* request_ = nullptr;
};

}  // namespace weir::http
