#pragma once
// What both HTTP/1 sides share: reading with leftovers, delivering body bytes within credit, writing framed bodies, and
// tunnels. One exchange at a time. The parser's state lives in the arena of the transaction, so that an idle connection holds none.
#include "http/h1_parser.h"
#include "http/stream.h"
#include "net/conn.h"

namespace weir::http {

class H1Conn : public net::Conn, public Stream {
 public:
  using net::Conn::Conn;

  void send_data(Str data, bool end, HeaderList* trailers) override;
  bool send_file(const net::FileSpan& file) override;
  size_t queued() const override { return net::Conn::queued(); }
  void credit(int64_t n) override;
  net::Conn* conn() override { return this; }

 protected:
  // Receiving state of one exchange.
  struct Rx {
    H1Body body;
    bool complete = false;  // the peer's message has ended
  };
  enum class Framing : uint8_t { none, length, chunked, close, tunnel };

  // Takes what the state allows from `in`; returns how much. May close the connection.
  virtual size_t consume(Str in) = 0;
  // Whether reading makes sense now (a head is awaited, or body bytes with credit).
  virtual bool wants_input() const = 0;
  virtual void peer_closed() = 0;  // orderly end of input
  virtual void peer_failed(Fault fault) = 0;  // reset or read error
  // The peer's message has ended (just before its last on_data); `more`: bytes behind it have come with it.
  virtual void body_complete(bool more) = 0;
  // What the peer sent is not HTTP, for operators; the exchange is told otherwise.
  virtual void bad_bytes(const BadBytes& bytes) = 0;
  virtual void body_bad(Str why) = 0;

  // What an errno of the socket, or of the file that is sent on it, says about who failed.
  static Fault fault_of(int error);
  void on_readable() override;
  void on_drained() override;
  void start_body(Body kind, uint64_t length, HeaderList* trailers);
  // Delivers body bytes out of `in` as far as credit goes; returns how much was used.
  size_t pump_body(Str in);
  bool receiving() const { return rx_ && !rx_->complete; }
  bool has_leftover() const { return !in_.empty(); }

  Rx* rx_ = nullptr;
  int64_t credit_ = 0;
  net::BufQueue in_;
  uint32_t scanned_ = 0;  // of the head that is being collected
  Framing framing_ = Framing::none;
  bool send_ended_ = false;  // our message is complete (perhaps still queued)
  bool input_ended_ = false;  // the peer closed its side
  bool upload_blocked_ = false;
  // With Framing::length: bytes that we still owe. With Framing::chunked: bytes of framing sent so far.
  uint64_t send_left_ = 0;
};

}  // namespace weir::http
