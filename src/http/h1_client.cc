// The life of a server connection; see http/h1_client.h.
#include "http/h1_client.h"

#include <errno.h>

#include <algorithm>

#include "base/slab.h"
#include "http/h1_writer.h"
#include "net/socks4.h"
#include "net/tls_client.h"

namespace weir::http {
namespace {

// A send that failed for want of memory is our fault; whatever else it was, the server is gone.
Fault send_fault(Fault fault) {
  return fault == Fault::resource ? fault : Fault::reset;
}

}  // namespace

H1Client::H1Client(net::Loop& loop, int fd, const model::Server& server, ClientHooks& hooks)
    : H1Conn(loop, fd), server_(&server), hooks_(&hooks), created_ms_(loop.now()) {}

struct H1Client::Opening {
  net::Socks4Way relay;
  std::string first;
};

H1Client::~H1Client() {
  delete opening_;
}

void H1Client::send_first(const std::string& bytes) {
  if (!opening_) opening_ = new Opening();
  opening_->first = bytes;
}

void H1Client::go_through_socks4(const net::Addr& to) {
  if (!opening_) opening_ = new Opening();
  opening_->relay = {net::socks4_request(to), false, {}};
}

bool H1Client::on_open() {
  if (opening_ && !pass_socks4(opening_->relay)) return false;
  opened_ = true;
  if (!opening_) return true;
  if (!opening_->first.empty()) send_plain(opening_->first);
  delete opening_;
  opening_ = nullptr;
  return true;
}

void H1Client::destroy() {
  Slab<H1Client>::local().destroy(this);
}

void H1Client::connecting(uint32_t timeout_ms) {
  state_ = State::connecting;
  if (timeout_ms) arm(timeout_ms);
}

void H1Client::begin(StreamUser& u, Message& response, Method method, bool asked_upgrade, const H1Limits& limits,
                     bool raw) {
  user = &u;
  response_ = &response;
  limits_ = &limits;
  method_ = method;
  asked_upgrade_ = asked_upgrade;
  first_byte_ = false;
  send_ended_ = false;
  keep_alive_ = true;
  scanned_ = 0;
  interim_ = 0;
  credit_ = 0;
  requests_++;
  rx_ = response.headers.arena().make<Rx>();
  if (raw) {
    framing_ = Framing::tunnel;
    keep_alive_ = false;
    start_body(Body::tunnel, 0, nullptr);
    if (state_ != State::connecting) state_ = State::body;
    return;
  }
  framing_ = Framing::none;
  rx_->complete = false;
  if (state_ != State::connecting) state_ = State::head;
}

void H1Client::on_connected() {
  state_ = framing_ == Framing::tunnel ? State::body : State::head;
  disarm();
  if (user) user->on_connected(*this);
  if (framing_ == Framing::tunnel && state_ == State::body && !closed()) watch();
}

void H1Client::send_head(Message& m, bool end) {
  HeadFraming f;
  framing_ = Framing::none;
  if (!end && m.body == Body::length) {
    framing_ = Framing::length;
    f.content_length = true;
    send_left_ = m.content_length;
  } else if (!end && m.body != Body::none) {
    framing_ = Framing::chunked;
    f.chunked = true;
  } else if (m.body == Body::length) {
    f.content_length = true;  // an announced length of zero
  }
  asked_upgrade_ = m.upgrade;
  if (m.upgrade) {
    f.connection = "upgrade";
    f.upgrade = m.headers.value(Name::upgrade);
  } else if (!keep_alive_ || !m.keep_alive) {
    f.connection = http10_ ? Str{} : Str{"close"};
    keep_alive_ = false;
  } else if (http10_) {
    f.connection = "keep-alive";
  }
  write_request_head(*this, m, f, http10_);
  if (end) send_ended_ = true;
  watch();
}

bool H1Client::wants_input() const {
  switch (state_) {
    case State::connecting: return false;
    case State::idle:
    case State::head: return true;
    case State::body: return receiving() && credit_ > 0;
    case State::done: return false;
  }
  return false;
}

size_t H1Client::consume(Str in) {
  if (state_ == State::idle) {  // bytes that nobody asked for
    gone();
    return in.size();
  }
  watch();
  size_t used = 0;
  while (used < in.size() && !closed()) {
    size_t n = 0;
    if (state_ == State::head)
      n = take_head(in.substr(used));
    else if (state_ == State::body && credit_ > 0)
      n = pump_body(in.substr(used));
    used += n;
    if (n == 0 || !user) break;
  }
  return closed() ? in.size() : used;
}

size_t H1Client::take_head(Str in) {
  first_byte_ = true;
  size_t scanned = scanned_;
  size_t size = find_head_end(in, scanned);
  scanned_ = static_cast<uint32_t>(scanned);
  if (size == 0) {
    if (in.size() >= std::min<size_t>(limits_->max_head, net::Loop::kReadBuffer)) {
      bad_bytes({in, 0, "upstream sent too big header"});
      fail(Fault::too_large, "upstream sent too big header");
      return in.size();
    }
    return 0;
  }
  scanned_ = 0;
  Message& m = *response_;
  Arena& arena = m.headers.arena();
  m.headers.clear();
  H1Error error = parse_response_head(arena.dup(in.substr(0, size)), *limits_, method_, asked_upgrade_, m);
  if (!error.ok()) {
    bad_bytes({in.substr(0, size), error.at, error.reason});
    fail(Fault::bad_message, error.reason);
    return in.size();
  }
  if (m.status >= 100 && m.status < 200 && m.status != 101) {
    // Each one is kept until the exchange ends, and each one pushes the deadline back.
    interim_ += static_cast<uint32_t>(size);
    if (interim_ > limits_->max_head)
      fail(Fault::bad_message, "upstream sent too many interim responses");
    else
      user->on_interim(*this);
    return size;
  }
  if (!m.keep_alive || m.body == Body::close) keep_alive_ = false;
  if (m.body == Body::tunnel) {
    keep_alive_ = false;
    framing_ = Framing::tunnel;
    send_ended_ = false;
  }
  start_body(m.body, m.content_length, &m.trailers);
  if (method_ == Method::head || m.status == 204 || m.status == 304) rx_->complete = true;
  state_ = State::body;
  if (rx_->complete) body_complete(size < in.size());
  user->on_head(*this);
  return size;
}

void H1Client::park(uint32_t timeout_ms) {
  state_ = State::idle;
  user = nullptr;
  rx_ = nullptr;
  response_ = nullptr;
  if (timeout_ms)
    arm(timeout_ms);
  else
    disarm();
}

void H1Client::finish() {
  if (closed()) return;
  user = nullptr;
  bool clean = state_ == State::done && send_ended_ && keep_alive_ && !input_ended_ && in_.empty() && queued() == 0 &&
               framing_ != Framing::tunnel && !(framing_ == Framing::length && send_left_ > 0);
  rx_ = nullptr;
  response_ = nullptr;
  hooks_->released(*this, clean);
}

void H1Client::abort() {
  if (closed()) return;
  user = nullptr;
  rx_ = nullptr;
  response_ = nullptr;
  drop_queue();
  hooks_->released(*this, false);
}

void H1Client::fail(Fault fault, Str text) {
  keep_alive_ = false;
  Error e{fault, Side::server};
  bool system = fault == Fault::reset || fault == Fault::refused || fault == Fault::unreachable ||
                fault == Fault::relay || fault == Fault::resource;
  e.sys = system ? last_errno() : 0;
  e.text = text;
  if (!first_byte_ && (fault == Fault::reset || fault == Fault::closed) && requests_ > 1) e.retry = Retry::reused;
  StreamUser* u = user;
  if (!u) return gone();
  u->on_reset(*this, e);
}

void H1Client::gone() {
  if (closed()) return;
  hooks_->closed(*this);
  close();
}

void H1Client::peer_closed() {
  if (state_ == State::idle || !user) return gone();
  if (state_ == State::body && rx_->body.feed_close() == H1Body::State::done) {
    rx_->complete = true;
    if (framing_ != Framing::tunnel) state_ = State::done;
    keep_alive_ = false;
    user->on_data(*this, {}, true);
    return;
  }
  if (state_ != State::head) return fail(Fault::closed, "upstream prematurely closed connection");
  if (broken()) return fail(send_fault(fault_of(last_errno())), "send() failed");  // so it looked for an early answer
  fail(Fault::closed, "upstream prematurely closed connection while reading response header");
}

void H1Client::peer_failed(Fault fault) {
  if (state_ == State::idle || !user) return gone();
  fail(fault, fault == Fault::resource ? Str{"no memory for the server's connection"} : Str{"recv() failed"});
}

void H1Client::body_bad(Str why) {
  fail(Fault::bad_message, why);
}

void H1Client::on_broken() {
  if (!user) return gone();
  if (state_ != State::connecting) {
    // The server may have answered before it closed: what is readable counts first.
    if (readable() && state_ == State::head) {
      send_ended_ = true;
      keep_alive_ = false;
      on_readable();
      return;
    }
    return fail(send_fault(fault_of(last_errno())), "send() failed");
  }
  if (opened_ && tls_ != Tls::off) {
    Str certificate = net::certificate_error(ssl());
    return fail(Fault::tls, certificate.empty() ? Str("TLS handshake with the server failed") : certificate);
  }
  if (opening_ && !opening_->relay.problem.empty()) return fail(Fault::relay, opening_->relay.problem);
  int e = last_errno();
  fail(e == ECONNREFUSED || e == ENOENT ? Fault::refused : Fault::unreachable, "connect() failed");
}

void H1Client::on_drained() {
  if (state_ != State::connecting && state_ != State::idle) watch();
  H1Conn::on_drained();
}

void H1Client::on_timer() {
  switch (state_) {
    case State::idle: return gone();
    case State::connecting: return fail(Fault::connect_timeout, "upstream timed out while connecting");
    case State::head:
      return fail(Fault::timeout, queued() ? Str{"upstream timed out while sending request"}
                                           : Str{"upstream timed out while reading response header"});
    case State::body:
      if (credit_ <= 0) return arm(read_timeout_ ? read_timeout_ : 1000);  // we are not reading
      if (framing_ == Framing::tunnel && client_limit_ && !send_ended_ && user) {
        Error e{Fault::timeout, Side::client};
        e.text = "client is silent";
        return user->on_reset(*this, e);
      }
      return fail(Fault::timeout, "upstream timed out while reading upstream");
    case State::done: return;
  }
}

}  // namespace weir::http
