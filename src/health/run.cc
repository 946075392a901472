// See health/run.h.
#include "health/run.h"

#include <errno.h>
#include <fmt/format.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/slab.h"
#include "model/route.h"
#include "net/conn.h"
#include "net/proxy_protocol.h"
#include "net/socket_options.h"
#include "net/socks4.h"
#include "net/source.h"
#include "net/tls_client.h"
#include "proxy/shard.h"
#include "proxy/transaction.h"

namespace weir::health {
namespace {

// Errors of sockets by the names that HAProxy's messages have for them.
std::string socket_error(int error, bool at_once) {
  constexpr std::pair<int, Str> kNames[] = {
      {ECONNREFUSED, "ECONNREFUSED"}, {ECONNRESET, "ECONNRESET"}, {EHOSTUNREACH, "ENETUNREACH"},
      {ENETUNREACH, "ENETUNREACH"},   {ENOMEM, "ENOMEM"},         {EINVAL, "EINVAL"},
      {ENOTCONN, "ENCONN"},           {ENOBUFS, "ENOBUFS"},       {EPIPE, "EPIPE"}};
  std::string name = "General socket error";
  for (auto [number, text] : kNames)
    if (number == error && (!at_once || error == ECONNREFUSED)) name = fmt::format("{} returned by OS", text);
  return fmt::format("{} ({})", name, strerror(error));
}

}  // namespace

// The connection of one `connect` step.
class Run::Link final : public net::Conn {
 public:
  Link(net::Loop& loop, int fd, Run& run) : Conn(loop, fd), run_(&run) {}
  void leave() { run_ = nullptr; }
  net::Socks4Way relay;
  std::string first;  // in front of everything else, TLS included
  bool secret() const { return tls_ != Tls::off; }

 private:
  bool on_open() override {
    if (!pass_socks4(relay)) return false;
    if (!first.empty()) send_plain(first);
    if (run_) run_->phase_ = tls_ == Tls::off ? Phase::talking : Phase::handshake;
    return true;
  }
  void on_connected() override {
    if (run_) run_->on_connected();
  }
  void on_readable() override {
    if (run_) run_->on_readable();
  }
  void on_broken() override {
    if (run_) run_->on_broken(last_errno());
  }
  void on_timer() override {}  // the run's owner has the time
  Run* run_;
};

Run::Run(proxy::Shard& shard, const model::Server& server, const Check& check, RunOwner& owner)
    : shard_(shard), server_(server), check_(check), owner_(owner) {}

Run::~Run() {
  if (free_extra) free_extra(extra);
  close_link();
  if (txn_) Slab<proxy::Transaction>::local().destroy(txn_);
}

void Run::close_link() {
  if (!link_) return;
  Link* link = std::exchange(link_, nullptr);
  link->leave();
  if (spoken_ || linger_ || link->ssl())
    link->close();
  else
    link->reset();  // leaves nothing behind on either side
}

proxy::Transaction* Run::exchange() {
  if (!txn_) {
    txn_ = Slab<proxy::Transaction>::local().make(shard_, *check_.listener, nullptr);
    if (!txn_) return nullptr;
    txn_->LiveLink::unlink();  // no request: nobody lists, ends or waits for it
    txn_->pool = server_.pool;
    txn_->server = &server_;
    if (check_.prepare) check_.prepare(*this, *txn_);
  }
  if (const http::Message* head = answer_.head(); head && head != shown_) {
    http::Message& to = txn_->response;
    to.headers.clear();
    to.status = head->status;
    to.reason = head->reason;
    to.version = head->version;
    to.raw_head = head->raw_head;
    for (const http::Header& h : head->headers) to.headers.add(h.name, h.value, h.id);
    shown_ = head;
  }
  return txn_;
}

expr::Ctx Run::context() {
  expr::Ctx ctx;
  ctx.txn = exchange();
  ctx.arena = &arena_;
  ctx.response = true;
  return ctx;
}

void Run::finish(Status status, std::string text) {
  if (over()) return;
  outcome_.status = status;
  outcome_.text = std::move(text);
}

void Run::finish_later(Status status, std::string text) {
  finish(status, std::move(text));
  settle();
}

void Run::settle() {
  if (!over() || std::exchange(told_, true)) return;
  owner_.ended();
}

void Run::start() {
  advance();
  settle();
}

void Run::on_connected() {
  phase_ = Phase::talking;
  connected_ = true;
  must_read_ = input_.empty();
  if (check_.timeout) owner_.expect_within(check_.timeout);
  advance();
  settle();
}

void Run::on_readable() {
  if (phase_ != Phase::talking || !connected_) return;
  advance();
  settle();
}

void Run::on_broken(int error) {
  if (Str problem = link_->relay.problem; !problem.empty()) {
    phase_ = link_->secret() ? Phase::handshake : Phase::talking;
    fail_connection(0, problem);
    return settle();
  }
  if (phase_ == Phase::handshake) {
    Str certificate = net::certificate_error(link_->ssl());
    bool closed = certificate.empty() && (error == ECONNRESET || link_->rdhup());
    fail_connection(0, !certificate.empty() ? Str("SSL handshake failure")
                       : closed             ? Str("Connection closed during SSL handshake")
                                            : Str("SSL handshake failure"));
  } else {
    fail_connection(error, {});
  }
  settle();
}

void Run::expire() {
  const ArenaList<Step>& steps = check_.program->steps;
  const Step& step = steps[std::min(at_, steps.size - 1)];
  std::string where = check_.program->tells_steps ? place_of_failure(step) : std::string();
  if (check_.program->outside)
    finish(Status::process_timeout);
  else if (phase_ == Phase::opening)
    finish(Status::l4_timeout, where);
  else if (phase_ == Phase::handshake)
    finish(Status::l6_timeout, where);
  else
    finish(step.timed_out, where);
  settle();
}

// --- the steps ---

void Run::advance() {
  const ArenaList<Step>& steps = check_.program->steps;
  while (!over()) {
    if (at_ == steps.size) return check_.program->outside ? void() : succeed();
    const Step& step = steps[at_];
    outcome_.code = step.kind == Step::Kind::act ? outcome_.code : 0;
    switch (step.kind) {
      case Step::Kind::connect:
        if (!connected_) {
          if (last_ != static_cast<int>(at_)) {
            close_link();
            last_ = static_cast<int>(at_);
            if (!open(step)) return;
          }
          return;
        }
        break;
      case Step::Kind::send: {
        last_ = static_cast<int>(at_);
        input_.clear();
        answer_.clear();
        must_read_ = true;
        std::string out;
        if (!step.send(*this, step.conf, out)) return;
        spoken_ = true;
        if (!out.empty() && !link_->write(out)) return;  // on_broken follows
        break;
      }
      case Step::Kind::expect: {
        last_ = static_cast<int>(at_);
        Next next = expect(step);
        if (next == Next::next) break;
        return;
      }
      case Step::Kind::act: {
        Next next = step.run(*this, step.conf, false);
        if (next == Next::back) {
          at_ = step.again;
          connected_ = false;
          continue;
        }
        if (next != Next::next) return;
        break;
      }
    }
    at_++;
    // The connection of a further `connect` is yet to come.
    if (at_ < steps.size && steps[at_].kind == Step::Kind::connect) connected_ = false;
  }
}

Next Run::expect(const Step& step) {
  spoken_ = true;
  if (must_read_ && !read_more()) return Next::wait;
  if (over()) return Next::stop;
  must_read_ = false;
  Next next = step.run(*this, step.conf, ended_ || input_.size() >= check_.program->most);
  if (next != Next::wait) return next;
  if (ended_) {
    finish(Status::l7_invalid);
    return Next::stop;
  }
  at_ = step.again;
  must_read_ = true;
  // What came meanwhile raises no further edge.
  if (link_->readable()) link_->read_soon();
  return Next::wait;
}

// True when there is something to look at: bytes, the end, or both.
bool Run::read_more() {
  size_t before = input_.size();
  while (!ended_ && input_.size() < check_.program->most) {
    size_t got = 0;
    size_t room = std::min<size_t>(check_.program->most - input_.size(), net::Loop::kReadBuffer);
    auto io = link_->read(shard_.loop.read_buffer(), room, got);
    if (io == net::Conn::Io::again) break;
    if (io == net::Conn::Io::ok) {
      input_.append(shard_.loop.read_buffer(), got);
      continue;
    }
    ended_ = true;
    if (io == net::Conn::Io::error && input_.empty()) fail_connection(link_->last_errno(), {});
  }
  return ended_ || input_.size() > before || input_.size() >= check_.program->most;
}

void Run::succeed() {
  if (last_ < 0) return finish(Status::l7_ok);
  const Step& step = check_.program->steps[static_cast<size_t>(last_)];
  if (step.kind == Step::Kind::connect)
    finish(link_ && link_->ssl() ? Status::l6_ok : Status::l4_ok,
           step.number && check_.program->tells_steps ? "(tcp-check)" : "");
  else
    finish(step.kind == Step::Kind::expect ? step.passed : Status::l7_ok,
           step.praise ? step.praise(*this, step.conf) : "");
}

// --- connections ---

net::Addr Run::target(const Connect& c) {
  const model::CheckState& state = check_.agent ? server_.state->health.agent : server_.state->health.check;
  net::Addr moved, to = server_.address();
  uint16_t port = to.port, own_port = check_.port ? check_.port : check_.addr.port;
  if (check_.addr.family != AF_UNSPEC) to = check_.addr;
  if (state.moved.addr(moved)) to = moved;
  if (state.moved.port()) own_port = state.moved.port();
  if (c.addr.family != AF_UNSPEC) to = c.addr;
  uint16_t wanted = c.port;
  if (!wanted && c.port_of) wanted = c.port_of(*this, c.port_conf);
  if (!wanted) wanted = c.addr.is_ip() ? c.addr.port : 0;
  if (!wanted) wanted = own_port ? own_port : port;
  if (to.is_ip()) to.port = wanted;
  return to;
}

// False: the run has its result.
bool Run::open(const Step& step) {
  const Connect& c = *step.connect;
  phase_ = Phase::opening;
  ended_ = spoken_ = false;
  linger_ = c.linger;
  input_.clear();
  answer_.clear();
  net::Addr to = target(c);
  if (to.family == AF_UNSPEC || (to.is_ip() && !to.port)) {
    finish(Status::socket_error, "no address to check");
    return false;
  }
  const model::Route* route = server_.route;
  const bool relayed = (c.relayed || (c.usual && check_.relayed)) && route && route->socks4.is_ip();
  const std::string relay = relayed ? net::socks4_request(to) : std::string();
  if (relayed && relay.empty()) {
    finish(Status::socket_error, "SOCKS4 leads to IPv4 addresses only");
    return false;
  }
  const net::Addr& hop = relayed ? route->socks4 : to;
  int fd = fault::socket(fault::Site::socket, hop.family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  int error = fd < 0 ? errno : 0;
  if (fd >= 0 && hop.is_ip()) {
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  }
  if (fd >= 0 && server_.socket) net::prepare_connecting(fd, *server_.socket, false);
  const net::Source* source = route ? route->source : nullptr;
  if (!error && source && hop.is_ip()) error = net::bind_source(fd, *source);
  sockaddr_storage ss;
  socklen_t size = hop.to(ss);
  if (!error && fault::connect(fault::Site::connect, fd, reinterpret_cast<sockaddr*>(&ss), size) != 0 &&
      errno != EINPROGRESS)
    error = errno;
  if (error) {
    if (fd >= 0) ::close(fd);
    std::string where = check_.program->tells_steps ? place_of_failure(step) : std::string();
    finish(fd < 0 ? Status::socket_error : Status::l4_failed, socket_error(error, true) + where);
    return false;
  }
  link_ = new Link(shard_.loop, fd, *this);
  link_->set_peer(to);
  if (relayed) link_->relay = {relay, false, {}};
  if (!link_->start(true)) {
    fail_connection(errno, {});
    return false;
  }
  uint8_t version = c.usual ? check_.send_proxy : c.send_proxy ? std::max<uint8_t>(1, server_.send_proxy) : 0;
  if (version == 1) link_->first = net::write_proxy_v1({}, {});
  if (version == 2) link_->first = net::write_proxy_v2_local();
  uint32_t patience = check_.inter;
  if (check_.own_pace)
    patience = check_.connect_timeout;
  else if (check_.timeout && check_.connect_timeout)
    patience = std::min(patience, check_.connect_timeout);
  if (patience) owner_.expect_within(patience);
  if (c.tls || (c.usual && check_.speaks_tls)) start_tls(step, check_.tls);
  return !over();
}

void Run::start_tls(const Step& step, ssl_ctx_st* context) {
  const Connect& c = *step.connect;
  Str name = c.sni;
  if (name.empty() && c.usual) name = check_.sni;
  if (name.empty() && c.sni_of && check_.names_host) name = c.sni_of(*this, c.sni_conf);
  net::TlsTo to = check_.tls_of ? check_.tls_of(*this) : net::TlsTo{context, name, true, true};
  SSL* ssl = to.context ? net::make_tls_session(to) : nullptr;
  if (!ssl) return finish(Status::socket_error, to.context ? "Out of memory" : "no TLS settings for the check");
  Str alpn = !c.alpn.empty() ? c.alpn : c.usual ? check_.alpn : Str();
  if (!alpn.empty())
    SSL_set_alpn_protos(ssl, reinterpret_cast<const unsigned char*>(alpn.data()), static_cast<unsigned>(alpn.size()));
  link_->start_tls(ssl, false);
}

std::string Run::place_of_failure(const Step& step) const {
  if (!step.number) return " at initial connection step of tcp-check";
  std::string out = fmt::format(" at step {} of tcp-check", step.number);
  if (step.kind == Step::Kind::connect)
    out += step.connect->port ? fmt::format(" (connect port {})", step.connect->port) : " (connect)";
  else if (step.kind == Step::Kind::send)
    out += " (send)";
  else if (step.kind == Step::Kind::expect)
    out += fmt::format(" ({})", step.what);
  if (!step.comment.empty()) out += fmt::format(" comment: '{}'", step.comment);
  return out;
}

// The step that runs cannot go on; `error` 0: `cause` says why.
void Run::fail_connection(int error, Str cause) {
  const ArenaList<Step>& steps = check_.program->steps;
  std::string text = error ? socket_error(error, false) : std::string(cause);
  if (check_.program->tells_steps) text += place_of_failure(steps[std::min(at_, steps.size - 1)]);
  finish(phase_ == Phase::opening     ? Status::l4_failed
         : phase_ == Phase::handshake ? Status::l6_failed
                                      : Status::socket_error,
         std::move(text));
}

}  // namespace weir::health
