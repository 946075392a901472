#pragma once
// One exchange on a connection, as a transaction sees it. Codecs (HTTP/1 server and client sides, raw TCP) and applets
// (local bodies, captures of subrequests) implement Stream; the transaction implements StreamUser. Neither side knows how the
// other works: no framing, no sockets here.
//
// Order of events from a stream: [on_connected] on_interim* on_head on_data* (the last one with end) — or on_reset at any
// point, after which nothing more comes. Body data comes only while credit is positive. None of the calls re-enters:
// a stream reports from the loop, and acts on its user's calls without calling back, except that `credit` makes a stream that
// has buffered input report it from the loop soon after.
#include <cstdint>

#include "base/error.h"
#include "http/message.h"

namespace weir::net {
class Conn;
struct FileSpan;
}  // namespace weir::net

namespace weir::http {

class Stream;

class StreamUser {
 public:
  virtual void on_connected(Stream&) {}  // upstream: ready to send
  virtual void on_interim(Stream&) {}  // upstream: a 1xx head is in the response message
  virtual void on_head(Stream& s) = 0;  // the message is complete up to its body
  virtual void on_data(Stream& s, Str data, bool end) = 0;  // `data` is valid during the call
  virtual void on_half_closed(Stream&) {}  // the peer sends nothing more, early
  virtual void on_drained(Stream& s) = 0;  // nothing is queued for writing any more
  virtual void on_reset(Stream& s, const Error& why) = 0;  // nothing more comes and nothing more goes
 protected:
  ~StreamUser() = default;
};

class Stream {
 public:
  StreamUser* user = nullptr;

  // The head of our message; `end`: there is no body. The codec decides framing from message.body and content_length.
  virtual void send_head(Message& m, bool end) = 0;
  virtual void send_interim(Message&) {}
  // Body bytes of our message. Taken whole: what cannot go out now is queued, and queued() tells how much.
  virtual void send_data(Str data, bool end, HeaderList* trailers) = 0;
  // File bytes; false when this stream cannot (TLS, captures): then read and use send_data.
  virtual bool send_file(const net::FileSpan&) { return false; }
  virtual size_t queued() const = 0;
  // The user can take `n` more body bytes.
  virtual void credit(int64_t n) = 0;
  // The user is done with this exchange in good order: the connection may serve the next one when its state allows.
  virtual void finish() = 0;
  // The exchange ends here whatever its state.
  virtual void abort() = 0;
  // The same without telling the peer, where the codec can.
  virtual void vanish() { abort(); }
  // This exchange is the last one on its connection; said in its head. Before send_head.
  virtual void last_exchange() {}
  virtual net::Conn* conn() { return nullptr; }

 protected:
  ~Stream() = default;
};

}  // namespace weir::http
