// One thread of the worker; see proxy/shard.h.
#include "proxy/shard.h"

#include <errno.h>
#include <fmt/format.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>

#include "base/slab.h"
#include "net/resolver.h"
#include "proxy/acceptor.h"
#include "proxy/heir.h"
#include "proxy/personality.h"
#include "proxy/server_names.h"
#include "proxy/service.h"
#include "proxy/transaction.h"
#include "stats/counters.h"

namespace weir::proxy {

namespace {
constexpr uint64_t kHandOverPause = 5;  // ms
thread_local bool t_runs_posted = false;
}  // namespace

struct Shard::NameServers {
  struct One {
    net::Addr addr;
    net::ResolverOptions options;
    std::unique_ptr<net::Resolver> resolver;
  };
  std::vector<One> all;
};

thread_local Shard* Shard::t_current = nullptr;

Shard::Shard(const model::Model& m, int i, int n, Crew& c)
    : model(m),
      index(i),
      count(n),
      crew(c),
      upstreams(*this, m),
      queue(*this, m),
      handing_over_(*this),
      closing_(*this) {
  t_current = this;
  uv_async_init(loop.uv(), &wake_, [](uv_async_t* a) { static_cast<Shard*>(a->data)->run_posted(); });
  wake_.data = this;
}

Shard::~Shard() {
  acceptors_.clear();
  end_everything();
  uv_close(reinterpret_cast<uv_handle_t*>(&wake_), nullptr);
  t_current = nullptr;
}

// Connections just close, as they would with the process: no TLS client may take an answer that is cut short for a whole one.
void Shard::end_everything() {
  for (Transaction* t = live.front(); t; t = live.next(t)) t->abandon();
  upstreams.close_idle();
  loop.free_retired();
  for (http::H1Server* s : Slab<http::H1Server>::local().remaining()) {
    closed(*s);
    loop.retire(s);
  }
  loop.free_retired();
}

std::string Shard::open_listeners() {
  if (!loop.ready()) return "the event loop cannot be made";
  if (!Arena::keep_reserve()) return "out of memory";
  for (const model::Listener* l : model.listeners) {
    if (l->fd < 0 || l->datagram) continue;
    auto acceptor = std::make_unique<Acceptor>(*this, *l);
    if (!acceptor->start()) return fmt::format("cannot watch {}: {}", l->text, strerror(errno));
    acceptors_.push_back(std::move(acceptor));
  }
  return {};
}

void Shard::run() {
  for (auto& a : acceptors_)
    if (a->listener().silent) a->stop();
  if (index == 0)
    for (Service* s : model.services) s->start(*this);
  auto follows = [](const model::Server* s) { return s->follows != nullptr; };
  if (index == 0 && std::any_of(model.servers.begin(), model.servers.end(), follows))
    server_names_ = std::make_unique<ServerNames>(*this);
  loop.run();
  if (index == 0)
    for (Service* s : model.services) s->end();
}

void Shard::post(std::function<void()> fn) {
  {
    std::lock_guard lock(posted_lock_);
    posted_.push_back(std::move(fn));
  }
  uv_async_send(&wake_);
}

void Shard::run_posted() {
  std::vector<std::function<void()>> work;
  {
    std::lock_guard lock(posted_lock_);
    work.swap(posted_);
  }
  t_runs_posted = true;
  for (auto& fn : work) fn();
  t_runs_posted = false;
  if (draining_) check_drained();
}

void Shard::rename_server(const model::Server& server, const std::string& host) {
  if (server_names_) server_names_->rename(server, host);
}

net::Resolver& Shard::name_server(const net::Addr& server, const net::ResolverOptions& options) {
  if (!name_servers_) name_servers_ = std::make_unique<NameServers>();
  for (auto& s : name_servers_->all)
    if (s.addr == server && s.options == options) return *s.resolver;
  name_servers_->all.push_back({server, options, std::make_unique<net::Resolver>(loop, server, options)});
  return *name_servers_->all.back().resolver;
}

void Shard::accept_last() {
  for (auto& a : acceptors_) a->accept_last();
}

void Shard::look_again() {
  for (auto& a : acceptors_) a->look_again();
}

void Shard::drain(bool now, std::shared_ptr<Heir> heir) {
  draining_ = true;
  spread_.begin(model.process.close_spread, loop.now());
  heir_ = std::move(heir);
  stays_promised_ = heir_ != nullptr;
  for (auto& a : acceptors_) a->stop();
  if (index == 0)
    for (Service* s : model.services) s->drain();
  if (stays_promised_ && !now) {
    hand_idle_over();
  } else if (spread_.on() && !now) {
    close_some_idle();
  } else {
    // A connection that has not asked anything yet may have its first request on the way: it gets one answer.
    for (http::H1Server *s = idle_.front(), *next; s; s = next) {
      next = idle_.next(s);
      if (now || s->requests() > 0) s->drain();
    }
  }
  upstreams.close_idle();
  if (now)
    loop.stop();
  else
    check_drained();
}

void Shard::close_some_idle() {
  if (!spread_.ticks() || stays_promised_) return;
  for (http::H1Server *s = idle_.front(), *next; s; s = next) {
    next = idle_.next(s);
    if (s->requests() > 0 && spread_.ends_in_tick(loop.now())) s->drain();
  }
  if (connections_ > 0) loop.arm(closing_, Spread::kTickMs);
}

void Shard::accept_from(const model::Listener& listener, bool on) {
  for (auto& a : acceptors_) {
    if (&a->listener() != &listener) continue;
    a->stop();
    if (on && !draining_) a->start();
  }
}

void Shard::check_drained() {
  if (!draining_ || connections_ > 0 || crew.ancestors.load() > 0) return;
  if (index == 0 && !std::all_of(model.services.begin(), model.services.end(), [](Service* s) { return s->done(); }))
    return;
  // What the last ancestor has sent may not have arrived yet; run_posted() comes back here.
  std::lock_guard lock(posted_lock_);
  if (!t_runs_posted && posted_.empty()) loop.stop();
}

// What may not go stays for one more request, which is answered with "Connection: close". What has asked nothing yet stays for its
// first request, within the time that draining may take.
void Shard::hand_idle_over() {
  for (http::H1Server *s = idle_.front(), *next; s; s = next) {
    next = idle_.next(s);
    if (!hand_over(*s) && handing_over_.armed()) return;
  }
}

// False: it is still here.
bool Shard::hand_over(http::H1Server& s) {
  if (!heir_ || s.requests() == 0 || !heir_->wants(s.listener().identity) || !s.ready_to_leave()) return false;
  Heir::Sent sent = heir_->send(s.passport(), s.tlvs(), s.fd());
  if (sent == Heir::Sent::yes) {
    s.left();
    return true;
  }
  if (sent == Heir::Sent::gone) heir_ = nullptr;  // until the master names another one
  if (sent == Heir::Sent::later && !handing_over_.armed()) loop.arm(handing_over_, kHandOverPause);
  return false;
}

void Shard::arrive(const model::Listener& listener, const Arrival& arrival) {
  crew.connections.fetch_add(1, kRelaxed);
  auto* s = Slab<http::H1Server>::local().make(loop, arrival.fd, listener, *this);
  if (!s) {
    ::close(arrival.fd);
    place_free();
    return complain(listener, ENOMEM, "no memory for a connection");
  }
  connections_++;
  if (listener.connections) listener.connections->current.up();
  if (listener.places) listener.places->taken.fetch_add(1);
  stats::bump(stats::counters().active);
  if (s->arrive(arrival.passport, arrival.tlvs)) return;
  complain(listener, errno, "epoll_ctl() failed");
  closed(*s);
  s->close();
}

bool Shard::may_keep_alive(const http::H1Server& s) {
  return !draining_ || (heir_ && s.portable() && heir_->wants(s.listener().identity)) || !spread_.ends_now(loop.now());
}

// 0: no limit.
uint64_t Shard::most_connections() const {
  uint64_t set = crew.limits.max_conns.load(kRelaxed);
  return set ? set : model.process.max_conns;
}

bool Shard::full() const {
  uint64_t limit = most_connections();
  return limit && static_cast<uint64_t>(crew.connections.load(kRelaxed)) >= limit;
}

bool Shard::take_place() {
  for (http::H1Server *s = idle_.front(), *next; s && full(); s = next) {
    if (waits_at_limit() || s->requests() == 0) break;
    next = idle_.next(s);
    s->drain();  // one that has its next request waiting stays for it
  }
  if (full()) return false;
  crew.connections.fetch_add(1, kRelaxed);
  return true;
}

void Shard::place_free() {
  crew.connections.fetch_sub(1);
  if (crew.paused.load() == 0) return;
  acceptors_go_on();
  post_others([](Shard& other) { other.acceptors_go_on(); });
}

void Shard::acceptors_go_on() {
  for (auto& a : acceptors_) a->place_free();
}

void Shard::post_others(const std::function<void(Shard&)>& fn) {
  for (int i = 0; i < count; i++)
    if (i != index) post_to(i, fn);
}

void Shard::accepted(const model::Listener& listener, int fd, const net::Addr& peer) {
  if (listener.taker) return listener.taker->take(*this, listener, fd, peer);
  stats::Counters& count = stats::counters();
  stats::bump(count.accepted);
  if (!take_place()) {
    ::close(fd);
    listener.personality->connection_refused(listener, nullptr, peer, Refusal::limit, "too many connections", {});
    return;
  }
  auto* s = Slab<http::H1Server>::local().make(loop, fd, listener, *this);
  if (!s) {
    ::close(fd);
    place_free();
    return complain(listener, ENOMEM, "no memory for a connection");
  }
  s->set_peer(peer);
  connections_++;
  if (listener.connections) listener.connections->opened(loop.now());
  if (listener.places) listener.places->taken.fetch_add(1);
  stats::Limits& limits = crew.limits;
  limits.connections.count(loop.now());
  limits.sessions.count(loop.now());
  if (listener.tls) limits.tls_sessions.rate.add(loop.now());  // shown without a limit, too
  stats::bump(count.handled);
  stats::bump(count.active);
  if (!s->start(false)) {
    complain(listener, errno, "epoll_ctl() failed");
    closed(*s);
    return s->close();
  }
  s->accepted();
}

void Shard::complain(const model::Listener& listener, int sys, Str text) const {
  listener.personality->trouble(listener, sys, text);
}

void Shard::out_of_memory(http::H1Server& s) {
  complain(s.listener(), ENOMEM, "no memory for what a client sent");
}

stats::BrokenMessage Shard::message_of(const Transaction& txn, const http::BadBytes& bytes) const {
  stats::BrokenMessage m;
  m.when_us = loop.wall_us();
  m.listener = &txn.listener;
  m.pool = txn.pool;
  m.bytes = bytes.bytes.substr(0, stats::BrokenMessages::kMost);
  m.size = bytes.bytes.size();
  m.at = bytes.at;
  m.why = bytes.why;
  return m;
}

http::Message* Shard::begin(http::H1Server& s) {
  auto* txn = Slab<Transaction>::local().make(*this, s.listener(), &s);
  if (!txn) {
    complain(s.listener(), ENOMEM, "no memory for a request");
    return nullptr;
  }
  s.user = txn;
  txn->first_request = s.requests() <= 1;
  txn->times.accept_ms = s.idle_since_ms();
  txn->times.idle_ms = s.first_byte_ms();
  stats::bump(stats::counters().requests);
  stats::bump(stats::counters().writing);
  return &txn->request;
}

void Shard::request(http::H1Server& s) {
  static_cast<Transaction*>(s.user)->begin();
}

void Shard::reject(http::H1Server& s, const http::H1Error& error) {
  Error e{Fault::bad_message, Side::client};
  e.status = error.status;
  e.text = error.reason;
  static_cast<Transaction*>(s.user)->reject(e);
}

void Shard::broken(http::H1Server& s, const http::BadBytes& bytes) {
  if (!crew.broken.wanted.load(kRelaxed)) return;
  const auto& txn = *static_cast<const Transaction*>(s.user);
  stats::BrokenMessage m = message_of(txn, bytes);
  m.source = s.peer();
  crew.broken.keep(std::move(m));
}

bool Shard::ends_quietly(http::H1Server& s, bool silent) {
  return s.listener().personality->ends_quietly(silent);
}

void Shard::headless(http::H1Server& s, Fault why) {
  Error e{why, Side::client};
  e.status = why == Fault::timeout ? 408 : 400;
  e.text = why == Fault::timeout ? "client timed out" : "client prematurely closed connection";
  static_cast<Transaction*>(s.user)->reject(e);
}

bool Shard::screen(http::H1Server& s, const Segment& rules) {
  auto* txn = Slab<Transaction>::local().make(*this, s.listener(), &s);
  if (!txn) {
    complain(s.listener(), ENOMEM, "no memory for a connection");
    s.abort();
    return false;
  }
  s.user = txn;
  txn->screen(rules);
  return !s.closed();
}

void Shard::preface_failed(http::H1Server& s, Refusal why, Str text, Str detail) {
  s.listener().personality->connection_refused(s.listener(), &s, s.peer(), why, text, detail);
}

void Shard::idle(http::H1Server& s) {
  if (draining_ && !stays_promised_ && !spread_.on() && s.requests() > 0) return s.drain();
  idle_.push_back(&s);
  stats::bump(stats::counters().waiting);
  if (heir_) hand_over(s);
}

void Shard::busy(http::H1Server& s) {
  if (!s.IdleLink::linked()) return;
  s.IdleLink::unlink();
  stats::bump(stats::counters().waiting, int64_t{-1});
}

void Shard::closed(http::H1Server& s) {
  busy(s);
  upstreams.client_closed(s);
  stats::bump(stats::counters().active, int64_t{-1});
  if (stats::Connections* c = s.listener().connections) c->closed();
  if (model::ListenerPlaces* own = s.listener().places) own->taken.fetch_sub(1);
  connections_--;
  place_free();
  check_drained();
}

}  // namespace weir::proxy
