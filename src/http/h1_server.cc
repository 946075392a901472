// The life of a client connection; see http/h1_server.h.
#include "http/h1_server.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <new>

#include "base/slab.h"
#include "http/h1_preface.h"
#include "http/h1_writer.h"

namespace weir::http {

namespace {
constexpr size_t kMaxPreface = 4096;
}

H1Server::H1Server(net::Loop& loop, int fd, const model::Listener& listener, ServerHooks& hooks)
    : H1Conn(loop, fd),
      listener_(&listener),
      timeouts_(listener.timeouts),
      hooks_(&hooks),
      accepted_ms_(loop.now()),
      idle_since_ms_(loop.now()),
      keepalive_requests_(listener.keepalive_requests) {}

H1Server::~H1Server() {
  delete discard_;
  delete preface_;
  if (session_free) session_free(session);
}

void H1Server::destroy() {
  Slab<H1Server>::local().destroy(this);
}

const net::ProxyInfo* H1Server::proxied() const {
  return preface_ ? &preface_->info : nullptr;
}

void H1Server::set_session_address(bool source, const net::Addr& addr) {
  if (!preface_) preface_ = new Preface;
  net::ProxyInfo& info = preface_->info;
  if (!info.has_addresses) {
    info.src = peer();
    info.dst = wire_destination();
    info.has_addresses = true;
  }
  (source ? info.src : info.dst) = addr;
}

void H1Server::set_wire_address(bool source, const net::Addr& addr) {
  if (source) return set_peer(addr);
  if (!preface_) preface_ = new Preface;
  preface_->destination = addr;
}

net::Addr H1Server::wire_destination() const {
  return preface_ && preface_->destination.family != AF_UNSPEC ? preface_->destination : local();
}

void H1Server::accepted() {
  hooks_->idle(*this);
  if (listener_->connection_rules && !hooks_->screen(*this, *listener_->connection_rules)) return;
  if (!listener_->accept_proxy) return open_session();
  state_ = State::preface;
  if (timeouts_->head) arm(timeouts_->head);
}

void H1Server::on_readable() {
  if (state_ == State::preface)
    return listener_->accept_proxy && (!preface_ || !preface_->info.version) ? take_preface() : look_for_tls();
  H1Conn::on_readable();
}

// The PROXY header comes in plain text before everything else, TLS included, so no more than its own bytes may be taken.
void H1Server::take_preface() {
  size_t got = 0, used = 0;
  char* buf = loop().read_buffer();
  Io io = peek(buf, kMaxPreface, got);
  if (io == Io::again) return;
  if (io != Io::ok) return bad_preface(Refusal::silent, "client closed the connection before its PROXY header");
  net::ProxyInfo info;
  switch (net::parse_proxy({buf, got}, info, used, kMaxPreface)) {
    case net::ProxyParse::bad: return bad_preface(Refusal::preface, "broken PROXY header");
    case net::ProxyParse::more:
      if (rdhup() || got == kMaxPreface) bad_preface(Refusal::preface, "incomplete PROXY header");
      return;
    case net::ProxyParse::ok: break;
  }
  if (listener_->proxy_sums && !net::proxy_sum_fits({buf, used}, info))
    return bad_preface(Refusal::preface, "wrong checksum in the PROXY header");
  if (!preface_) preface_ = new Preface;
  preface_->tlvs = info.tlvs;
  preface_->info = info;
  preface_->info.tlvs = preface_->tlvs;
  if (read(buf, used, got) != Io::ok || got != used)
    return bad_preface(Refusal::preface, "client closed the connection");
  state_ = State::idle;
  disarm();
  open_session();
  if (!closed() && !listener_->tls) read_soon();
}

// A TLS record begins with 0x16, an SSLv2 hello with its high bit; what begins otherwise is no TLS.
void H1Server::look_for_tls() {
  char first = 0;
  size_t got = 0;
  Io io = peek(&first, 1, got);
  if (io == Io::again) return;
  if (io != Io::ok) return gone();
  state_ = State::idle;
  if (first == 0x16 || (first & 0x80)) return begin_tls();
  H1Conn::on_readable();
}

void H1Server::begin_tls() {
  SSL* ssl = SSL_new(listener_->tls);
  if (!ssl) return bad_preface(Refusal::resource, "no memory for TLS");
  start_tls(ssl, true);
}

void H1Server::preface_timed_out() {
  char first = 0;
  size_t got = 0;
  bool silent = peek(&first, 1, got) != Io::ok;
  bad_preface(silent ? Refusal::silent : Refusal::preface, "client sent no PROXY header in time");
}

void H1Server::bad_preface(Refusal why, Str text) {
  hooks_->preface_failed(*this, why, text, {});
  gone();
}

void H1Server::open_session() {
  if (listener_->tls && listener_->reads_plain) {
    state_ = State::preface;
    if (timeouts_->head) arm(timeouts_->head);
    return read_soon();
  }
  if (listener_->tls) begin_tls();
  if (closed()) return;
  if (timeouts_->head && timeouts_->head_from_accept) arm(timeouts_->head);
  if (!listener_->tls) begin_session();
}

// The handshakes are over.
void H1Server::begin_session() {
  if (listener_->session_rules && !hooks_->screen(*this, *listener_->session_rules)) return;
  if (listener_->tcp) begin_tcp();
}

// TCP mode has one exchange; it begins with the connection, or when TLS is ready.
void H1Server::begin_tcp() {
  disarm();
  hooks_->busy(*this);
  state_ = State::exchange;
  framing_ = Framing::tunnel;
  requests_ = 1;
  first_byte_ms_ = loop().now();
  request_ = hooks_->begin(*this);
  if (!request_) return gone();
  Message& m = *request_;
  rx_ = m.headers.arena().make<Rx>();
  m.body = Body::tunnel;
  start_body(Body::tunnel, 0, nullptr);
  hooks_->request(*this);
}

bool H1Server::wants_input() const {
  switch (state_) {
    case State::preface:
    case State::idle:
    case State::head:
    case State::discard:
    case State::linger: return true;
    case State::exchange:
      return (receiving() && credit_ > 0) || (!receiving() && !input_ended_ && in_.empty() && rdhup());
    case State::closing: return false;
  }
  return false;
}

size_t H1Server::consume(Str in) {
  size_t used = 0;
  while (used < in.size() && !closed()) {
    Str rest = in.substr(used);
    size_t n = 0;
    switch (state_) {
      case State::preface: return used;
      case State::idle:
        if (used) pipelined_ = true;
        [[fallthrough]];
      case State::head: n = take_head(rest); break;
      case State::exchange:
        if (receiving() && credit_ > 0) {
          bool half = framing_ == Framing::tunnel && send_ended_ && timeouts_->fin;
          if (uint32_t ms = half ? timeouts_->fin : timeouts_->body) arm(ms);
          n = pump_body(rest);
        }
        break;
      case State::discard: {
        Str data;
        H1Body::State body = discard_->feed(rest, n, data);
        if (body == H1Body::State::bad) {
          gone();
          return in.size();
        }
        if (body == H1Body::State::done) {
          delete discard_;
          discard_ = nullptr;
          next_request();
        }
        break;
      }
      case State::linger: return in.size();
      case State::closing: return in.size();
    }
    if (n == 0) break;
    used += n;
  }
  return used;
}

size_t H1Server::take_head(Str in) {
  size_t skip = state_ == State::idle ? skip_empty_lines(in) : 0;
  if (skip) return skip;
  if (state_ == State::idle && in == "\r") return 0;  // half of an empty line
  if (state_ == State::idle) {
    state_ = State::head;
    hooks_->busy(*this);
    first_byte_ms_ = loop().now();
    scanned_ = 0;
    // The head's time runs from its first byte; on a fresh connection it may run from accept already.
    if (timeouts_->head && !(requests_ == 0 && timeouts_->head_from_accept && Timer::armed())) arm(timeouts_->head);
  }
  size_t scanned = scanned_;
  size_t size = find_head_end(in, scanned);
  scanned_ = static_cast<uint32_t>(scanned);
  const H1Limits& limits = *listener_->limits;
  if (size == 0) {
    if (!may_begin_request(in)) {
      refuse(400, "invalid method", in);  // a TLS handshake, say: its end would not come
      return in.size();
    }
    size_t line = in.find('\n');
    if (line == Str::npos && in.size() > limits.max_line) {
      refuse(414, "request line is too long", in);
      return in.size();
    }
    if (in.size() >= std::min<size_t>(limits.max_head, net::Loop::kReadBuffer)) {
      refuse(limits.big_header_status, "request head is too large", in);
      return in.size();
    }
    return 0;
  }
  parse(in.substr(0, size));
  return size;
}

void H1Server::parse(Str head) {
  state_ = State::exchange;
  scanned_ = 0;
  requests_++;
  send_ended_ = false;
  head_sent_ = false;
  framing_ = Framing::none;
  credit_ = 0;
  request_ = hooks_->begin(*this);
  if (!request_) return gone();
  Message& m = *request_;
  Arena& arena = m.headers.arena();
  H1Error error = parse_request_head(arena.dup(head), *listener_->limits, m);
  version_ = m.version;
  head_request_ = m.method == Method::head;
  request_keep_alive_ = m.keep_alive;
  expects_continue_ = m.expect_continue;
  if (!error.ok()) {
    close_after_ = true;
    bad_bytes({head, error.at, error.reason});
    return hooks_->reject(*this, error);
  }
  if (m.body != Body::none) {
    rx_ = arena.make<Rx>();
    start_body(m.body, m.content_length, &m.trailers);
    if (timeouts_->body)
      arm(timeouts_->body);
    else
      disarm();  // the head's time is over
  }
  hooks_->request(*this);
}

// An exchange for a head that will not be read: its answer is the connection's last. False: there is no memory for it.
bool H1Server::begin_refusal(Str bytes) {
  const size_t line_end = bytes.find('\n');
  hooks_->busy(*this);
  state_ = State::exchange;
  scanned_ = 0;
  requests_++;
  send_ended_ = head_sent_ = false;
  framing_ = Framing::none;
  credit_ = 0;
  version_ = 11;
  head_request_ = false;
  close_after_ = true;
  expects_continue_ = false;
  request_ = hooks_->begin(*this);
  if (request_)
    request_->raw_head =
        request_->headers.arena().dup(bytes.substr(0, line_end == Str::npos ? line_end : line_end + 1));
  else
    gone();
  return request_ != nullptr;
}

void H1Server::refuse(uint16_t status, Str reason, Str bytes) {
  if (!begin_refusal(bytes)) return;
  bad_bytes({bytes, 0, reason});
  hooks_->reject(*this, H1Error{status, reason});
}

void H1Server::end_headless(Fault why) {
  bool silent = state_ == State::idle;
  if (listener_->tcp) return bad_preface(Refusal::handshake, "client ended no TLS handshake in time");
  if (hooks_->ends_quietly(*this, silent)) return gone();
  if (begin_refusal(in_.front())) hooks_->headless(*this, why);
}

void H1Server::send_continue() {
  if (!expects_continue_ || head_sent_) return;
  expects_continue_ = false;
  write("HTTP/1.1 100 Continue\r\n\r\n");
}

void H1Server::credit(int64_t n) {
  if (n > 0 && expects_continue_ && listener_->answer_expect && state_ == State::exchange) send_continue();
  bool stalled = credit_ <= 0;
  H1Conn::credit(n);
  if (stalled && receiving() && timeouts_->body) arm(timeouts_->body);
}

Str H1Server::connection_value(const Message& m, Framing f) const {
  if (f == Framing::tunnel) return m.status == 101 ? "upgrade" : "";
  if (close_after_) return "close";
  if (listener_->announce_keep_alive || version_ == 10) return "keep-alive";
  return "";
}

void H1Server::send_head(Message& m, bool end) {
  head_sent_ = true;
  bool bodyless = m.status == 204 || m.status == 304 || (m.status >= 100 && m.status < 200);
  HeadFraming f;
  framing_ = Framing::none;
  if (m.body == Body::tunnel) {
    framing_ = Framing::tunnel;
    f.upgrade = m.status == 101 ? m.headers.value(Name::upgrade) : Str{};
    rx_ = m.headers.arena().make<Rx>();
    start_body(Body::tunnel, 0, nullptr);
    close_after_ = true;
  } else if (m.body == Body::length || (m.body == Body::none && !bodyless && !head_request_)) {
    f.content_length = m.status != 204 && m.status >= 200;
    framing_ = end || head_request_ || bodyless ? Framing::none : Framing::length;
    send_left_ = m.content_length;
    if (m.body == Body::none) m.content_length = 0;
  } else if (head_request_ || m.status == 304) {
    f.keep_length = true;
  } else if ((m.body == Body::chunked || m.body == Body::close) && !bodyless) {
    bool chunked = version_ >= 11 && m.body == Body::chunked;
    f.chunked = chunked;
    if (!chunked) close_after_ = true;
    if (!head_request_) framing_ = chunked ? Framing::chunked : Framing::close;
    send_left_ = 0;
  }
  if (!request_keep_alive_ || (keepalive_requests_ && requests_ >= keepalive_requests_) || timeouts_->keepalive == 0 ||
      !hooks_->may_keep_alive(*this) || input_ended_)
    close_after_ = true;
  // A client that waits for 100 may leave its body out now: what comes next could be either.
  if (expects_continue_ && receiving() && m.status >= 200) close_after_ = true;
  f.connection = connection_value(m, framing_);
  write_response_head(*this, m, f);
  if (!end) return;
  if (framing_ == Framing::chunked) send_left_ += write_chunk(*this, {}, true, nullptr);
  send_ended_ = true;
}

void H1Server::send_data(Str data, bool end, HeaderList* trailers) {
  H1Conn::send_data(data, end, trailers);
  if (end && framing_ == Framing::tunnel && timeouts_->fin && !closed()) arm(timeouts_->fin);
}

void H1Server::send_interim(Message& m) {
  if (head_sent_ || version_ < 11) return;
  write_response_head(*this, m, HeadFraming{});
  if (m.status == 100) expects_continue_ = false;
}

void H1Server::finish() {
  user = nullptr;
  request_ = nullptr;
  idle_since_ms_ = loop().now();
  bool incomplete = receiving();
  bool short_answer = (framing_ == Framing::length && send_left_ > 0) || (framing_ == Framing::chunked && !send_ended_);
  if (short_answer || framing_ == Framing::tunnel) {
    rx_ = nullptr;
    return gone();
  }
  if (close_after_ || input_ended_) {
    rx_ = nullptr;
    flush();  // what does not go at once is queued, and awaited
    if (closed()) return;
    if (queued() == 0) return incomplete || listener_->linger_always ? go_linger() : gone();
    state_ = State::closing;
    lingering_wanted_ = incomplete;
    return;
  }
  if (incomplete) {
    // The answer came first: read the rest of the request past it, within the linger time.
    discard_ = new (std::nothrow) H1Body(rx_->body);
    if (!discard_) return gone();
    discard_->collect_trailers(nullptr);
    rx_ = nullptr;
    state_ = State::discard;
    if (timeouts_->linger) arm(timeouts_->linger);
    return read_soon();
  }
  rx_ = nullptr;
  next_request();
}

void H1Server::next_request() {
  state_ = State::idle;
  scanned_ = 0;
  if (timeouts_->keepalive) arm(timeouts_->keepalive);
  pipelined_ = has_leftover();
  hooks_->idle(*this);
  if (pipelined_ || readable()) read_soon();
}

void H1Server::vanish() {
  user = nullptr;
  request_ = nullptr;
  rx_ = nullptr;
  if (closed()) return;
  hooks_->closed(*this);
  net::Conn::vanish();
}

void H1Server::abort() {
  user = nullptr;
  request_ = nullptr;
  rx_ = nullptr;
  gone();
}

void H1Server::go_linger() {
  if (closed()) return;
  state_ = State::linger;
  in_.clear();
  shutdown_write();
  if (timeouts_->linger == 0) return gone();
  arm(timeouts_->linger);
  read_soon();
}

void H1Server::gone() {
  if (closed()) return;
  hooks_->closed(*this);
  close();
}

void H1Server::drain() {
  close_after_ = true;
  if (state_ != State::preface && (state_ != State::idle || has_leftover())) return;
  flush();  // the answer before may not have left yet
  if (closed()) return;
  if (queued() == 0) return gone();
  if (state_ == State::idle) hooks_->busy(*this);
  state_ = State::closing;
  lingering_wanted_ = false;
}

void H1Server::peer_closed() {
  switch (state_) {
    case State::exchange:
      if (receiving() && rx_->body.feed_close() == H1Body::State::done) {
        rx_->complete = true;
        if (user) user->on_data(*this, {}, true);
        return;
      }
      if (receiving()) return peer_failed(Fault::closed);
      close_after_ = true;
      if (user) user->on_half_closed(*this);
      return;
    case State::closing: return;
    default: return left_early(Fault::closed);
  }
}

// The client is gone. Of one that has not asked for anything yet, products tell.
void H1Server::left_early(Fault why) {
  const bool first =
      state_ == State::idle && requests_ == 0 && !listener_->tcp && (tls_ == Tls::off || tls_ == Tls::open);
  if (first || state_ == State::head) return end_headless(why);
  gone();
}

void H1Server::peer_failed(Fault fault) {
  if (state_ == State::exchange && user) {
    Error e{fault, Side::client};
    e.sys = last_errno();
    e.text = fault == Fault::reset ? "client reset the connection" : "client closed the connection";
    if (fault == Fault::resource) {
      e.side = Side::proxy;
      e.text = e.sys == EIO ? "reading a file failed or it was cut short" : "no memory for the client's connection";
    }
    close_after_ = true;
    return user->on_reset(*this, e);
  }
  if (fault != Fault::resource) return left_early(fault);
  hooks_->out_of_memory(*this);
  gone();
}

void H1Server::body_bad(Str why) {
  close_after_ = true;
  Error e{Fault::bad_message, Side::client};
  e.status = 400;
  e.text = why;
  if (user) user->on_reset(*this, e);
}

void H1Server::on_broken() {
  if (tls_ == Tls::failed && requests_ == 0) {
    char detail[256] = "";
    if (unsigned long code = ERR_peek_error()) ERR_error_string_n(code, detail, sizeof detail);
    Refusal why = SSL_in_before(ssl()) ? Refusal::silent : Refusal::handshake;
    hooks_->preface_failed(*this, why, "SSL handshake failure", detail);
  }
  peer_failed(fault_of(last_errno()) == Fault::resource ? Fault::resource : Fault::reset);
}

// The client has to take what is queued, some of it within each such time.
void H1Server::on_blocked() {
  uint32_t ms = framing_ == Framing::tunnel && timeouts_->tunnel ? timeouts_->tunnel : timeouts_->send;
  if (ms)
    arm(ms);
  else
    disarm();
}

void H1Server::on_drained() {
  if (state_ == State::closing) return lingering_wanted_ ? go_linger() : gone();
  if (uint32_t ms = waiting_time())
    arm(ms);
  else
    disarm();
  H1Conn::on_drained();
}

// How long the client may take for what it is to do next, when nothing is queued for it; 0: no limit, or it is not its turn.
uint32_t H1Server::waiting_time() const {
  switch (state_) {
    case State::exchange:
      if (framing_ == Framing::tunnel) return send_ended_ ? timeouts_->fin : 0;
      return receiving() && credit_ > 0 ? timeouts_->body : 0;
    case State::idle: return timeouts_->keepalive;
    case State::head: return timeouts_->head;
    default: return timeouts_->linger;
  }
}

void H1Server::on_timer() {
  switch (state_) {
    case State::preface:
      if (listener_->accept_proxy && (!preface_ || !preface_->info.version)) return preface_timed_out();
      state_ = State::idle;
      return end_headless(Fault::timeout);
    case State::idle:
      if (requests_ == 0) return end_headless(Fault::timeout);
      return gone();
    case State::head: return end_headless(Fault::timeout);
    case State::exchange: {
      if (held_back() && queued()) return on_blocked();  // nobody is waited for but the pace
      bool sending = queued() > 0;
      bool reading = receiving() && credit_ > 0 && framing_ != Framing::tunnel;
      bool half = framing_ == Framing::tunnel && send_ended_ && timeouts_->fin;
      // Else the server side's timers are in charge.
      if (!half && !sending && !reading) return;
      Error e{Fault::timeout, Side::client};
      e.status = reading && !head_sent_ ? 408 : 0;
      e.text = half      ? "client does not end the half-closed connection"
               : sending ? "client does not read"
                         : "client does not send the request body";
      close_after_ = true;
      if (user) user->on_reset(*this, e);
      return;
    }
    default: return gone();
  }
}

}  // namespace weir::http
