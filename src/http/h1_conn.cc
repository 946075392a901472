// Shared reading and writing of http/h1_conn.h.
#include "http/h1_conn.h"

#include <errno.h>

#include <algorithm>

#include "http/h1_writer.h"

namespace weir::http {

namespace {
constexpr int kReadsPerEvent = 4;  // then other connections have their turn
}

Fault H1Conn::fault_of(int error) {
  switch (error) {
    case ECONNRESET:
    case EPIPE: return Fault::reset;
    case ENOMEM:
    case ENOBUFS:
    case EIO: return Fault::resource;
    default: return Fault::closed;
  }
}

void H1Conn::on_readable() {
  net::Loop& lp = loop();
  for (int reads = 1; !closed() && wants_input(); reads++) {
    if (reads > kReadsPerEvent) return read_soon();
    char* buf = lp.read_buffer();
    size_t have = in_.empty() ? 0 : in_.take(buf, net::Loop::kReadBuffer);
    size_t got = 0;
    Io io = Io::again;
    if (readable() && !input_ended_ && have < net::Loop::kReadBuffer)
      io = read(buf + have, net::Loop::kReadBuffer - have, got);
    bool fresh = io == Io::ok;
    if (have + got) {
      size_t used = consume({buf, have + got});
      if (closed()) return;
      if (used < have + got && !in_.append(buf + used, have + got - used)) {
        input_ended_ = true;
        return peer_failed(Fault::resource);
      }
      if (used == 0 && !fresh && io == Io::again) return;  // the rest of the head or chunk is still to come
    }
    if (io == Io::eof) {
      input_ended_ = true;
      return peer_closed();
    }
    if (io == Io::error) {
      input_ended_ = true;
      return peer_failed(fault_of(last_errno()));
    }
    if (io == Io::again && in_.empty()) return;
    if (!readable() && in_.empty()) return;
    if (!fresh && have && in_.size() == have) return;
  }
}

void H1Conn::on_drained() {
  if (user) user->on_drained(*this);
}

void H1Conn::start_body(Body kind, uint64_t length, HeaderList* trailers) {
  rx_->body.start(kind, length);
  rx_->body.collect_trailers(trailers);
  rx_->complete = kind == Body::none || (kind == Body::length && length == 0);
}

size_t H1Conn::pump_body(Str in) {
  size_t used = 0;
  Str held;
  Rx* rx = rx_;
  auto alive = [&] { return !closed() && rx_ == rx && user; };
  while (credit_ > 0 && !rx->complete && (used < in.size())) {
    size_t n = 0;
    Str data;
    H1Body::State state = rx->body.feed(in.substr(used), n, data);
    used += n;
    if (state == H1Body::State::bad) {
      if (!held.empty()) {
        credit_ -= static_cast<int64_t>(held.size());
        user->on_data(*this, held, false);
      }
      if (!alive()) return used;
      bad_bytes({in, std::min(used, in.size() - 1), rx->body.error()});
      body_bad(rx->body.error());
      return used;
    }
    Str ready = data.empty() ? Str{} : held;
    if (!data.empty()) held = data;
    if (!ready.empty()) {
      credit_ -= static_cast<int64_t>(ready.size());
      user->on_data(*this, ready, false);
      if (!alive()) return used;
    }
    if (state == H1Body::State::done) {
      rx->complete = true;
      credit_ -= static_cast<int64_t>(held.size());
      body_complete(used < in.size());
      user->on_data(*this, held, true);
      return used;
    }
    if (n == 0) break;
  }
  if (!held.empty()) {
    credit_ -= static_cast<int64_t>(held.size());
    user->on_data(*this, held, false);
  }
  return used;
}

void H1Conn::credit(int64_t n) {
  bool blocked = credit_ <= 0;
  credit_ += n;
  if (blocked && credit_ > 0 && receiving() && (readable() || has_leftover())) read_soon();
}

void H1Conn::send_data(Str data, bool end, HeaderList* trailers) {
  if (closed() || send_ended_) return;
  switch (framing_) {
    case Framing::none:
      if (end) send_ended_ = true;
      return;
    case Framing::length:
      data = data.substr(0, send_left_);  // never more than was announced
      send_left_ -= data.size();
      write(data);
      break;
    case Framing::chunked: send_left_ += write_chunk(*this, data, end, trailers); break;
    case Framing::close:
    case Framing::tunnel:
      if (!data.empty()) write(data);
      break;
  }
  if (!end) return;
  send_ended_ = true;
  if (framing_ == Framing::tunnel) shutdown_write();
}

bool H1Conn::send_file(const net::FileSpan& file) {
  if (framing_ != Framing::length && framing_ != Framing::close) return false;
  if (framing_ == Framing::length) send_left_ -= file.left;
  write_file(file);
  return true;
}

}  // namespace weir::http
