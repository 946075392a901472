// See haproxy/catalogue.h.
#include "haproxy/catalogue.h"

#include <fmt/format.h>

#include "balance/balancer.h"
#include "haproxy/address.h"
#include "haproxy/global.h"
#include "haproxy/haproxy.h"
#include "haproxy/resolvers.h"
#include "haproxy/ring.h"
#include "haproxy/rules_variable.h"
#include "haproxy/server_load.h"
#include "tools/version.h"

namespace weir::haproxy {
namespace {

stats::ProxyEntry entry_of(const Proxy& p) {
  stats::ProxyEntry e;
  e.name = p.name;
  e.id = p.id;
  e.front = p.is_front();
  e.back = p.is_back();
  e.http = p.http();
  e.disabled = p.s.disabled;
  e.mode = p.s.mode == Mode::http ? "http" : p.s.mode == Mode::tcp ? "tcp" : p.s.mode == Mode::log ? "log" : "spop";
  e.description = p.description;
  if (p.is_back()) e.cookie = p.s.cookie.name;
  e.max_conns = p.s.maxconn;
  e.limits = p.front_limits;
  e.listeners = p.listeners;
  e.standing = p.standing;
  e.pool = p.pool;
  e.front_counters = p.front_counters;
  e.back_counters = p.back_counters;
  e.publication = p.publication;
  if (p.publication) p.publication->settle(p.unpublished);
  if (p.publication) p.publication->settle_cookies(p.s.cookie.dynamic, p.s.cookie.key);
  if (p.pool) e.algorithm = p.pool->balancer->name();
  return e;
}

}  // namespace

stats::ServerEntry entry_of(const model::Server& s) {
  auto& options = *static_cast<const ServerOptions*>(s.conf);
  stats::ServerEntry e;
  e.forced_id = options.id != 0;
  e.id = s.number;
  e.cookie = options.cookie;
  e.host = s.host;
  e.max_idle = options.pool_max_conn == UINT32_MAX ? -1 : static_cast<int32_t>(options.pool_max_conn);
  e.purge_delay = options.pool_purge_delay;
  e.rise = static_cast<int32_t>(options.check.rise);
  return e;
}

std::string socket_text(const net::Addr& a) {
  if (a.is_ip()) return fmt::format("{}@{}", a.family == AF_INET ? "ipv4" : "ipv6", a.text());
  return fmt::format("{}@{}", a.abstract ? "abns" : "unix", a.unix_path());
}

void fill_catalogue(const model::Model& model, stats::Catalogue& c) {
  if (!model.haproxy) return;
  auto& g = *static_cast<Global*>(const_cast<void*>(model.haproxy));
  c.product = "HAProxy";
  c.version = kHaproxyVersion;
  c.release_date = kHaproxyDate;
  if (!g.node.empty()) c.node = g.node;
  c.description = g.description;
  if (!c.max_conns) c.max_conns = g.maxconn;
  if (c.limits) {
    c.limits->connections.limit = g.max_conn_rate;
    c.limits->sessions.limit = g.max_session_rate;
    c.limits->tls_sessions.limit = g.max_tls_rate;
    c.limits->compression.limit = g.max_compression_rate;
  }
  for (const Ring* r : g.log_sections.rings)
    if (r->declared) c.rings.push_back({r->name, r->description, r->messages});
  c.dropped_logs = dropped_logs;
  c.patterns = &g.patterns;
  c.certificates = &g.certificates;
  list_resolvers(g, c);
  c.set_variable = set_process_variable;
  default_full_conns(g, static_cast<uint32_t>(c.connection_limit()));
  for (const Proxy* p : g.proxies) {
    stats::ProxyEntry& e = c.proxies.emplace_back(entry_of(*p));
    if (!e.max_conns) e.max_conns = static_cast<uint32_t>(c.connection_limit());
    if (p->pool) e.full_conns = p->pool->limits.full_conns;
    for (const model::Server* s : p->servers) *c.servers[s->id] = entry_of(*s);
  }
}

std::vector<RuntimeAddress> runtime_addresses(model::Model& model) {
  std::vector<RuntimeAddress> all;
  if (!model.haproxy) return all;
  for (const RuntimeSocketConf& conf : global(model).sockets) {
    Address address;
    std::string problem;
    RuntimeAddress to;
    to.level = conf.level;
    to.severity = conf.severity;
    to.v6only = conf.v6only;
    to.mode = conf.mode;
    to.uid = conf.uid;
    to.gid = conf.gid;
    to.backlog = conf.backlog;
    to.interface = conf.interface;
    to.socket = conf.socket;
    to.gives_sockets = conf.expose_fd;
    to.where = conf.where;
    std::vector<net::Addr> addrs;
    if (!parse_address(conf.address, address, problem, model.arena)) continue;  // reported when it was bound
    to.pair = address.family == Address::Family::socket_pair;
    if (to.pair || address.family == Address::Family::descriptor) {
      to.fd = address.fd;
      to.text = conf.address;
      all.push_back(to);
      continue;
    }
    if (!socket_addresses(address, model.arena, addrs, problem)) continue;
    for (const net::Addr& a : addrs) {
      to.addr = a;
      to.text = socket_text(a);
      all.push_back(to);
    }
  }
  return all;
}

}  // namespace weir::haproxy
