// Finding, opening and keeping server connections; see proxy/upstreams.h.
#include "proxy/upstreams.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <random>

#include "base/crc.h"
#include "base/fault.h"
#include "base/slab.h"
#include "model/route.h"
#include "net/digest.h"
#include "net/proxy_protocol.h"
#include "net/socket_options.h"
#include "net/source.h"
#include "proxy/forward.h"
#include "proxy/personality.h"
#include "proxy/shard.h"
#include "proxy/transaction.h"

namespace weir::proxy {

using http::H1Client;
using net::TlsTo;

namespace {
const http::H1Limits kResponseLimits = [] {
  http::H1Limits limits;
  limits.max_head = net::Loop::kReadBuffer;
  limits.ignore_invalid_headers = false;
  limits.underscores_in_headers = true;
  return limits;
}();

TlsTo tls_of(const model::Server& server) {
  ssl_ctx_st* context = server.tls_now();
  return {context, server.sni, context != nullptr, context != nullptr};
}

// Whether a connection that has gone there still leads to the server.
bool is_there(const model::Server& server, const net::Addr& peer) {
  if (!server.route || !server.route->moves()) return peer == server.address();
  net::Addr now = server.address();
  if (server.route->client_address && now.is_any()) return true;
  now.port = peer.port;
  return peer == now;
}

// Its server has kept it open after a request.
bool is_proven(const H1Client& c) {
  return c.requests() > 1;
}

// A PROXY header speaks of one client: only where connections are always shared may another one with the same header go on.
bool serves_one_client(const model::Server& server) {
  const model::Reuse reuse = server.pool->reuse;
  return reuse == model::Reuse::never || (server.send_proxy && reuse != model::Reuse::always);
}

constexpr uint64_t kPatience = 250;  // ms that another shard may take to give an idle connection away
}  // namespace

Upstreams::Upstreams(Shard& shard, const model::Model& model)
    : shard_(shard),
      known_(model.servers.size()),
      idle_(new Idle[known_ + 1]),
      by_key_(uint64_t{std::random_device{}()} << 32 | std::random_device{}()),
      pool_idle_(new PoolIdle[model.pools.size() + 1]) {}

Upstreams::Idle& Upstreams::idle_of_added(size_t n) {
  if (n >= added_.size()) added_.resize(n + 1);
  if (!added_[n]) added_[n] = std::make_unique<Idle>();
  return *added_[n];
}

Upstreams::~Upstreams() {
  close_idle();
}

void Upstreams::close_idle() {
  for (const model::Server* s : shard_.model.servers) close_idle(*s);
}

void Upstreams::close_idle(const model::Server& server) {
  while (H1Client* c = idle_of(server).list.front()) {
    closed(*c);
    c->close();
  }
}

// The first request of a client may only use a connection that it cannot lose by the server's closing it just now: none with
// `safe`, one that was reused before with `aggressive` (configuration.txt, http-reuse).
bool Upstreams::may_reuse(const Transaction& txn, const model::Server& server, Need& need) {
  using model::Reuse;
  Reuse reuse = server.pool->reuse;
  if (txn.tcp || (txn.first_request && reuse == Reuse::safe)) return false;
  if (serves_one_client(server)) {
    need.owner = txn.client ? txn.client->conn() : nullptr;
    return need.owner != nullptr;
  }
  need.proven = txn.first_request && reuse == Reuse::aggressive;
  return true;
}

// Where idle connections for an exchange are found; others may be there as well. What serves one client alone is found by
// the client: it is little, and goes with it.
uint64_t Upstreams::idle_key(const model::Server& server, const net::Conn* owner, uint64_t kind, bool proven) {
  if (owner) return reinterpret_cast<uintptr_t>(owner);
  return kind + (uint64_t{server.id} << 1 | uint64_t{proven}) * 0x9e3779b97f4a7c15;
}

// Connections that were reused before come first: their server is known to keep them open.
H1Client* Upstreams::find_idle(const model::Server& server, const Need& need) {
  for (bool proven : {true, false}) {
    if (!proven && need.proven) return nullptr;
    H1Client* c = by_key_.first(idle_key(server, need.owner, need.kind, proven));
    for (H1Client* next; c; c = next) {
      next = by_key_.next(c);
      if (c->server().id != server.id || c->owner != need.owner || c->kind != need.kind || (proven && !is_proven(*c)))
        continue;
      closed(*c);
      if (c->usable()) return c;
      c->close();
    }
  }
  return nullptr;
}

// The next shard behind this one that keeps idle connections to the server; -1: none does.
int Upstreams::who_else_has_idle(const model::Server& server) const {
  uint64_t own = shard_.index < 64 ? 1ull << shard_.index : 0;
  uint64_t others = server.local->idle_shards.load(std::memory_order_relaxed) & ~own;
  if (!others) return -1;
  uint64_t later = shard_.index < 63 ? others >> (shard_.index + 1) << (shard_.index + 1) : 0;
  return std::countr_zero(later ? later : others);
}

uint64_t Upstreams::await_answer(Transaction& txn) {
  asked_.push_back({++tickets_, &txn, shard_.loop.now() + kPatience});
  if (!patience_.armed()) shard_.loop.arm(patience_, kPatience);
  return tickets_;
}

// Where idle connections count against a server's limit, one gives way to a new one. False: another shard was asked for that, or
// `why` says that there is none.
bool Upstreams::make_room(Transaction& txn, const model::Server& server, bool may_ask, Error& why) {
  const model::ServerState& s = *server.state;
  const int32_t limit = s.max_conns.load(std::memory_order_relaxed);
  while (limit && s.current.read() + s.idle.read() > limit) {
    if (close_oldest(server)) continue;
    const int who = may_ask ? who_else_has_idle(server) : -1;
    if (who >= 0) {
      const uint64_t ticket = await_answer(txn);
      if (shard_.post_to(who, [&server, to = shard_.index, ticket](Shard& other) {
            other.upstreams.close_one(server, to, ticket);
          }))
        return false;
      asked_.pop_back();
    }
    why = Error{Fault::resource, Side::proxy, Retry::fresh, 0, 0, "the server has as many connections as it may have"};
    return false;
  }
  return true;
}

bool Upstreams::close_oldest(const model::Server& server) {
  H1Client* oldest = idle_of(server).list.back();
  if (!oldest) return false;
  closed(*oldest);
  oldest->close();
  return true;
}

void Upstreams::close_one(const model::Server& server, int to, uint64_t ticket) {
  close_oldest(server);
  shard_.post_to(to, [&server, ticket](Shard& asker) { asker.upstreams.receive(server, Parcel{}, ticket); });
}

bool Upstreams::ask_others(Transaction& txn, const model::Server& server, const Need& need) {
  const int who = who_else_has_idle(server);
  if (who < 0 || !shard_.model.process.share_idle || need.owner) return false;
  if (server.route && server.state->idle.read() < server.route->low_idle) return false;
  const uint64_t ticket = await_answer(txn);
  bool sent = shard_.post_to(who, [&server, need, to = shard_.index, ticket](Shard& other) {
    other.upstreams.give_away(server, need, to, ticket);
  });
  if (!sent) asked_.pop_back();
  return sent;
}

void Upstreams::give_away(const model::Server& server, const Need& need, int to, uint64_t ticket) {
  Parcel parcel;
  if (H1Client* c = find_idle(server, need)) {
    parcel.peer = c->peer();
    parcel.kind = c->kind;
    if (c->ssl()) net::TlsSessions::leave(c->ssl());
    parcel.requests = c->requests();
    parcel.created_ms = c->created_ms();
    parcel.conn = c->detach();
  } else if (server.limits.strict) {
    close_oldest(server);
  }
  bool sent =
      shard_.post_to(to, [&server, parcel, ticket](Shard& asker) { asker.upstreams.receive(server, parcel, ticket); });
  if (!sent) parcel.conn.drop();
}

// A shard that is busy or ending does not hold others up: they open connections of their own, and what still comes is kept.
void Upstreams::stop_asking() {
  const uint64_t now = shard_.loop.now();
  auto due = [&] { return std::ranges::find_if(asked_, [now](const Ask& a) { return a.until_ms <= now; }); };
  for (auto ask = due(); ask != asked_.end(); ask = due()) {
    Transaction* txn = ask->txn;
    asked_.erase(ask);
    txn->connection_found();
  }
  auto next = std::ranges::min_element(asked_, {}, &Ask::until_ms);
  if (next != asked_.end()) shard_.loop.arm(patience_, next->until_ms - now);
}

void Upstreams::receive(const model::Server& server, const Parcel& parcel, uint64_t ticket) {
  if (parcel.conn.fd >= 0) {
    if (auto* c = Slab<H1Client>::local().make(shard_.loop, parcel.conn.fd, server, *this)) {
      c->set_peer(parcel.peer);
      if (parcel.conn.ssl) tls_sessions_.follow(parcel.conn.ssl, server.id);
      c->taken_over(parcel.requests, parcel.created_ms);
      c->kind = parcel.kind;
      if (c->adopt(parcel.conn) && is_there(server, c->peer()))
        keep(*c);
      else
        c->close();
    } else {
      parcel.conn.drop();
    }
  }
  auto ask = std::ranges::find(asked_, ticket, &Ask::ticket);
  if (ask == asked_.end()) return;
  Transaction* waiting = ask->txn;
  *ask = asked_.back();
  asked_.pop_back();
  waiting->connection_found();
}

void Upstreams::forget(Transaction& txn) {
  std::erase_if(asked_, [&](const auto& a) { return a.txn == &txn; });
}

namespace {
// A checksum field stands there with zero bytes: the sum is of the header with them.
void fill_checksum(std::string& header) {
  net::ProxyInfo info;
  size_t used = 0;
  Str sum;
  if (net::parse_proxy(header, info, used, header.size()) != net::ProxyParse::ok) return;
  if (!net::find_tlv(info.tlvs, net::kTlvCrc32c, sum) || sum != Str("\0\0\0\0", 4)) return;
  uint32_t value = htonl(crc32c_of(header));
  header.replace(static_cast<size_t>(sum.data() - header.data()), sizeof value, reinterpret_cast<const char*>(&value),
                 sizeof value);
}

// From where the client came, and where to: as a PROXY header or a rule says, or as its connection has it. False: no client
// asked for this.
bool client_addresses(Transaction& txn, const model::Server& server, net::Addr& src, net::Addr& dst) {
  net::Conn* c = txn.client ? txn.client->conn() : nullptr;
  if (!c) return false;
  const net::ProxyInfo* p = static_cast<http::H1Server*>(c)->proxied();
  src = p && p->has_addresses ? p->src : c->peer();
  dst = p && p->has_addresses ? p->dst : c->local();
  if (server.pool->personality) server.pool->personality->proxy_addresses(txn, src, dst);
  return true;
}

// Where to connect to: the server's address, or as far as it has none, or no port, where the client went.
net::Addr place_of(Transaction& txn, const model::Server& server) {
  net::Addr addr = server.address(), src, dst;
  const model::Route* route = server.route;
  const bool moves = (route && route->moves()) || (addr.is_ip() && !addr.port);
  if (!moves || !client_addresses(txn, server, src, dst) || !dst.is_ip()) return addr;
  const uint16_t port = addr.port;
  if (route && route->client_address && addr.is_any()) addr = dst;
  const bool maps = !port || (route && route->client_port && route->port_offset);
  addr.port = maps ? static_cast<uint16_t>(dst.port + (route ? route->port_offset : 0)) : port;
  return addr;
}

// The PROXY header that tells the server about the transaction's client.
std::string proxy_header(Transaction& txn, const model::Server& server) {
  uint8_t version = server.send_proxy;
  net::Addr src, dst;
  if (!client_addresses(txn, server, src, dst))
    return version == 2 ? net::write_proxy_v2_local() : net::write_proxy_v1({}, {});
  const Personality* personality = server.pool->personality;
  if (version == 1) return net::write_proxy_v1(src, dst);
  std::string header =
      net::write_proxy_v2(src, dst, personality ? personality->proxy_tlvs(txn, server) : std::string());
  fill_checksum(header);
  return header;
}

// The local end, where one is said. False: `why` has the reason why there can be none.
bool set_source(Transaction& txn, const Upstreams::Way& way, const Forward& plan, int fd, Error& why) {
  if (!way.source && !way.lacks_source) return true;
  const int error = way.source ? net::bind_source(fd, *way.source) : EADDRNOTAVAIL;
  if (!error) return true;
  Str where;
  if (way.source)
    where = way.source->addr.port ? txn.arena.dup(way.source->addr.text()) : way.source->addr.ip_text(txn.arena);
  why = Error{Fault::resource, Side::proxy, Retry::fresh, 0, error, txn.arena.cat("bind(", where, Str(") failed"))};
  if (plan.source) why.status = 500;  // of the request's own settings: another server would do no better
  return false;
}

// Whether a connection begins with bytes of ours that may be sent in parts, so that its SYN may wait for them. A first try only:
// what is lost in it may be tried again without (HAProxy's CONNECT_CAN_USE_TFO).
bool begins_with_data(const Transaction& txn, const TlsTo& tls, const Upstreams::Way* way) {
  const bool prefaced = (way && !way->header.empty()) || (txn.server->route && txn.server->route->socks4.is_ip());
  return txn.tries_done <= 1 && !prefaced && (!txn.tcp || tls.context);
}

// How a socket that connects is to be.
struct Socket {
  const Upstreams::Way* way = nullptr;
  const net::SocketOptions* options = nullptr;
  bool has_data = false;
};

// A socket that connects to there; -1 with the reason in `why`.
int connect_to(Transaction& txn, const net::Addr& hop, const Socket& socket, const Forward& plan, Error& why) {
  int fd = fault::socket(fault::Site::socket, hop.family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    why = Error{Fault::resource, Side::proxy, Retry::fresh, 0, errno, "socket() failed"};
    return -1;
  }
  if (hop.is_ip()) {
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  }
  if (socket.options) net::prepare_connecting(fd, *socket.options, socket.has_data);
  if (socket.way && hop.is_ip() && !set_source(txn, *socket.way, plan, fd, why)) {
    ::close(fd);
    return -1;
  }
  sockaddr_storage ss;
  socklen_t len = hop.to(ss);
  if (fault::connect(fault::Site::connect, fd, reinterpret_cast<sockaddr*>(&ss), len) == 0 || errno == EINPROGRESS)
    return fd;
  Fault fault = errno == ECONNREFUSED || errno == ENOENT ? Fault::refused : Fault::unreachable;
  if (errno == EAGAIN || errno == EADDRNOTAVAIL) fault = Fault::resource;
  why = Error{fault, Side::server, Retry::fresh, 0, errno, "connect() failed"};
  ::close(fd);
  return -1;
}
}  // namespace

// How to get to the server for this exchange where the plain way may not be it: asked once, as what is said in expressions may
// be another thing the next time.
Upstreams::Way Upstreams::way_of(Transaction& txn, const model::Server& server, const Forward& plan) {
  const model::Route* route = server.route;
  Way way;
  way.to = place_of(txn, server);
  if (plan.source)
    way.source = plan.source(txn, plan);
  else if (route && route->source_of)
    way.lacks_source = !(way.source = route->source_of(txn, server));
  else if (route)
    way.source = route->source;
  if (server.send_proxy) way.header = proxy_header(txn, server);
  return way;
}

// What idle connections to the server are told apart by, beside TLS; `named`: by a name in place of those of TLS. 0: by nothing.
uint64_t Upstreams::kind_of(Transaction& txn, const model::Server& server, const Forward& plan, const Way& way,
                            bool& named) {
  const model::Route* route = server.route;
  const uint64_t name = route && route->name_of ? route->name_of(txn, server) : 0;
  named = name != 0;
  std::string all;
  auto add = [&all](const void* data, size_t size) { all.append(static_cast<const char*>(data), size); };
  auto add_end = [&add](const net::Addr& addr) {
    add(&addr.v6, sizeof addr.v6);
    add(&addr.port, sizeof addr.port);
  };
  if (named) add(&name, sizeof name);
  if (route && route->moves()) add_end(way.to);
  if (way.source && (plan.source || route->source_of)) add_end(way.source->addr);
  all += way.header;
  return all.empty() ? 0 : net::digest64(all);
}

H1Client* Upstreams::open(Transaction& txn, const model::Server& server, const Forward& plan, const TlsTo& tls,
                          const Way* way, Error& why) {
  const model::Route* route = server.route;
  const net::Addr addr = way ? way->to : place_of(txn, server);
  const bool relayed = route && route->socks4.is_ip();
  if (relayed && addr.family != AF_INET) {
    why = Error{Fault::relay, Side::server, Retry::fresh, 0, 0, "SOCKS4 leads to IPv4 addresses only"};
    return nullptr;
  }
  const net::Addr& hop = relayed ? route->socks4 : addr;
  const Socket socket{way, plan.socket ? plan.socket : server.socket, begins_with_data(txn, tls, way)};
  int fd = connect_to(txn, hop, socket, plan, why);
  for (uint32_t left = way && way->source ? way->source->ports() : 1; fd < 0 && --left && why.sys == EADDRNOTAVAIL;)
    fd = connect_to(txn, hop, socket, plan, why);
  if (fd < 0) return nullptr;
  auto* c = Slab<H1Client>::local().make(shard_.loop, fd, server, *this);
  if (!c) {
    why = Error{Fault::resource, Side::proxy, Retry::fresh, 0, ENOMEM, "no memory for a connection"};
    ::close(fd);
    return nullptr;
  }
  c->set_peer(addr);
  if (!c->start(true)) {
    why = Error{Fault::resource, Side::proxy, Retry::fresh, 0, errno, "epoll_ctl() failed"};
    c->close();
    return nullptr;
  }
  c->connecting(plan.connect_timeout);
  if (relayed) c->go_through_socks4(addr);
  if (way && !way->header.empty()) c->send_first(way->header);
  server.state->connects.fetch_add(1, std::memory_order_relaxed);
  if (tls.context) {
    SSL* ssl = net::make_tls_session(tls);
    if (!ssl) {
      why = Error{Fault::resource, Side::proxy, Retry::fresh, 0, ENOMEM, "SSL_new() failed"};
      c->close();
      return nullptr;
    }
    tls_sessions_.resume(ssl, server.id);
    c->start_tls(ssl, false);
  }
  return c;
}

http::Stream* Upstreams::get(Transaction& txn, const Forward& plan, bool may_ask, bool& ready, Error& why) {
  const model::Server& server = *txn.server;
  TlsTo tls = plan.tls ? plan.tls(txn, plan) : TlsTo();
  if (!tls.context) {
    tls = tls_of(server);
    if (tls.context && server.tls_to) tls = server.tls_to(txn, plan);
  }
  Need need;
  std::optional<Way> way;
  bool named = false;
  if (server.route || plan.source || server.send_proxy) {
    way = way_of(txn, server, plan);
    if (!txn.tcp) need.kind = kind_of(txn, server, plan, *way, named);
  }
  if (tls.context && !txn.tcp) need.kind += net::tls_kind(tls, !named);
  const bool reuses = may_reuse(txn, server, need);
  H1Client* c = reuses ? find_idle(server, need) : nullptr;
  ready = c != nullptr;
  if (!c && reuses && may_ask && ask_others(txn, server, need)) return nullptr;
  if (!c && server.limits.strict && !make_room(txn, server, may_ask, why)) return nullptr;
  if (c)
    server.state->reuses.fetch_add(1, std::memory_order_relaxed);
  else if (!(c = open(txn, server, plan, tls, way ? &*way : nullptr, why)))
    return nullptr;
  c->begin(txn, txn.response, txn.request.method, txn.request.upgrade, kResponseLimits, txn.tcp);
  c->set_timeouts(plan.send_timeout, plan.read_timeout, plan.tunnel_timeout, plan.fin_timeout);
  if (plan.client_inactivity && !plan.tunnel_timeout && txn.client)
    c->limit_silence(static_cast<http::H1Server*>(txn.client)->timeouts().body);
  const bool own = serves_one_client(server);
  c->owner = own && txn.client ? txn.client->conn() : nullptr;
  c->kind = need.kind;
  if (plan.close_upstream || (own && !c->owner) || server.pool->keepalive == 0) c->set_no_reuse();
  // HTTP/1.1 without Host is no request (RFC 9112 3.2): what came without one goes on in its own version.
  bool hostless = !txn.tcp && !plan.build && txn.request.version == 10 && !txn.request.headers.has(http::Name::host);
  c->set_http10(plan.version == 10 || hostless);
  return c;
}

void Upstreams::released(H1Client& c, bool reusable) {
  const model::Server& server = c.server();
  const model::Pool& pool = *server.pool;
  bool old = (pool.keepalive_requests && c.requests() >= pool.keepalive_requests) ||
             (pool.keepalive_time && shard_.loop.now() - c.created_ms() > pool.keepalive_time);
  bool moved = !is_there(server, c.peer());  // the server has another address since
  // Idle connections would keep a server in maintenance from being deleted.
  const bool leaves = server.state->admin.load(std::memory_order_relaxed) == static_cast<uint8_t>(model::Admin::maint);
  if (!reusable || old || moved || leaves || pool.keepalive == 0 || shard_.draining()) return c.close();
  // What one client alone uses stays with it, as in HAProxy.
  if (server.route && server.route->most_idle >= 0 && !c.owner && server.state->idle.read() >= server.route->most_idle)
    return c.close();
  PoolIdle& all = pool_idle_[pool.id];
  if (all.count >= pool.keepalive) {
    // The pool's store is full: the one that has been idle longest makes room.
    H1Client* oldest = all.by_age.back();
    closed(*oldest);
    oldest->close();
  }
  keep(c);
}

void Upstreams::keep(H1Client& c) {
  const model::Server& server = c.server();
  Idle& idle = idle_of(server);
  idle.list.push_front(&c);
  if (idle.count++ == 0 && shard_.index < 64)
    server.local->idle_shards.fetch_or(1ull << shard_.index, std::memory_order_relaxed);
  by_key_.insert(&c, idle_key(server, c.owner, c.kind, is_proven(c)));
  server.state->idle.add();
  if (c.owner) owned_++;
  PoolIdle& all = pool_idle_[server.pool->id];
  all.by_age.push_front(&c);
  all.count++;
  c.park(server.pool->keepalive_timeout);
}

void Upstreams::client_closed(const net::Conn& client) {
  if (!owned_) return;
  H1Client* c = by_key_.first(reinterpret_cast<uintptr_t>(&client));
  for (H1Client* next; c; c = next) {
    next = by_key_.next(c);
    if (c->owner != &client) continue;
    closed(*c);
    c->close();
  }
}

void Upstreams::closed(H1Client& c) {
  if (!c.PoolLink::linked()) return;
  c.PoolLink::unlink();
  by_key_.remove(&c);
  if (c.owner) owned_--;
  if (--idle_of(c.server()).count == 0 && shard_.index < 64)
    c.server().local->idle_shards.fetch_and(~(1ull << shard_.index), std::memory_order_relaxed);
  c.server().state->idle.down();
  c.AgeLink::unlink();
  pool_idle_[c.server().pool->id].count--;
}

void Upstreams::broken(H1Client& c, const http::BadBytes& bytes) {
  if (!shard_.crew.broken.wanted.load(std::memory_order_relaxed)) return;
  const auto& txn = *static_cast<const Transaction*>(c.user);
  stats::BrokenMessage m = shard_.message_of(txn, bytes);
  m.response = true;
  m.pool = c.server().pool;
  m.server = &c.server();
  if (txn.client && txn.client->conn()) m.source = txn.client->conn()->peer();
  shard_.crew.broken.keep(std::move(m));
}

}  // namespace weir::proxy
