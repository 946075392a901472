// Finding, opening and keeping server connections; see proxy/upstreams.h.
#include "proxy/upstreams.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/slab.h"
#include "proxy/forward.h"
#include "proxy/shard.h"
#include "proxy/transaction.h"

namespace weir::proxy {

using http::H1Client;

namespace {
const http::H1Limits kResponseLimits = [] {
  http::H1Limits limits;
  limits.max_head = net::Loop::kReadBuffer;
  limits.ignore_invalid_headers = false;
  limits.underscores_in_headers = true;
  return limits;
}();
}  // namespace

Upstreams::Upstreams(Shard& shard, const model::Model& model)
    : shard_(shard), idle_(new Idle[model.servers.size() + 1]), pool_idle_(model.pools.size() + 1) {}

Upstreams::~Upstreams() {
  close_idle();
}

void Upstreams::close_idle() {
  for (const model::Server* s : shard_.model.servers) close_idle(*s);
}

void Upstreams::close_idle(const model::Server& server) {
  while (H1Client* c = idle_[server.id].list.front()) {
    closed(*c);
    c->close();
  }
}

H1Client* Upstreams::take_idle(Transaction& txn, const model::Server& server, const ssl_ctx_st* tls) {
  using model::Reuse;
  Reuse reuse = server.pool->reuse;
  if (reuse == Reuse::never || txn.tcp) return nullptr;
  Idle& idle = idle_[server.id];
  for (H1Client *c = idle.list.front(), *next; c; c = next) {
    next = idle.list.next(c);
    if (c->tls_context != tls) continue;
    closed(*c);
    if (c->usable()) return c;
    c->close();
  }
  return nullptr;
}

H1Client* Upstreams::open(const model::Server& server, const Forward& plan, Error& why) {
  const net::Addr& addr = server.address();
  int fd = ::socket(addr.family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    why = Error{Fault::resource, Side::proxy, Retry::fresh, 0, errno, "socket() failed"};
    return nullptr;
  }
  if (addr.is_ip()) {
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  }
  sockaddr_storage ss;
  socklen_t len = addr.to(ss);
  int r = ::connect(fd, reinterpret_cast<sockaddr*>(&ss), len);
  if (r != 0 && errno != EINPROGRESS) {
    Fault fault = errno == ECONNREFUSED || errno == ENOENT ? Fault::refused : Fault::unreachable;
    if (errno == EAGAIN || errno == EADDRNOTAVAIL) fault = Fault::resource;
    why = Error{fault, Side::server, Retry::fresh, 0, errno, "connect() failed"};
    ::close(fd);
    return nullptr;
  }
  auto* c = Slab<H1Client>::local().make(shard_.loop, fd, server, *this);
  c->set_peer(addr);
  if (!c->start(true)) {
    why = Error{Fault::resource, Side::proxy, Retry::fresh, 0, errno, "epoll_ctl() failed"};
    c->close();
    return nullptr;
  }
  c->connecting(plan.connect_timeout);
  server.state->connects.fetch_add(1, std::memory_order_relaxed);
  if (ssl_ctx_st* tls = plan.tls ? plan.tls : server.tls) {
    SSL* ssl = SSL_new(tls);
    Str sni = plan.tls ? plan.sni : server.sni;
    if (!sni.empty()) SSL_set_tlsext_host_name(ssl, std::string(sni).c_str());
    c->tls_context = tls;
    c->start_tls(ssl, false);
  }
  return c;
}

http::Stream* Upstreams::get(Transaction& txn, const Forward& plan, bool& ready, Error& why) {
  const model::Server& server = *txn.server;
  H1Client* c = take_idle(txn, server, plan.tls ? plan.tls : server.tls);
  ready = c != nullptr;
  if (c)
    server.state->reuses.fetch_add(1, std::memory_order_relaxed);
  else if (!(c = open(server, plan, why)))
    return nullptr;
  c->begin(txn, txn.response, txn.request.method, txn.request.upgrade, kResponseLimits, txn.tcp);
  c->set_timeouts(plan.send_timeout, plan.read_timeout, plan.tunnel_timeout);
  if (plan.close_upstream || server.pool->reuse == model::Reuse::never || server.pool->keepalive == 0)
    c->set_no_reuse();
  if (plan.version == 10) c->set_http10();
  return c;
}

void Upstreams::released(H1Client& c, bool reusable) {
  const model::Server& server = c.server();
  const model::Pool& pool = *server.pool;
  bool old = (pool.keepalive_requests && c.requests() >= pool.keepalive_requests) ||
             (pool.keepalive_time && shard_.loop.now() - c.created_ms() > pool.keepalive_time);
  if (!reusable || old || pool.keepalive == 0 || shard_.draining()) return c.close();
  if (pool_idle_[pool.id] >= pool.keepalive) {
    // The pool's store is full: the one that has been idle longest makes room.
    for (const model::Server* s : pool.servers) {
      H1Client* oldest = idle_[s->id].list.back();
      if (!oldest) continue;
      closed(*oldest);
      oldest->close();
      break;
    }
  }
  Idle& idle = idle_[server.id];
  idle.list.push_front(&c);
  idle.count++;
  server.state->idle.fetch_add(1, std::memory_order_relaxed);
  pool_idle_[pool.id]++;
  c.park(pool.keepalive_timeout);
}

void Upstreams::closed(H1Client& c) {
  if (!c.PoolLink::linked()) return;
  c.PoolLink::unlink();
  idle_[c.server().id].count--;
  c.server().state->idle.fetch_sub(1, std::memory_order_relaxed);
  pool_idle_[c.server().pool->id]--;
}

}  // namespace weir::proxy
