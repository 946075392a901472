// upstream {} and implicit pools (ngx_http_upstream_module, ngx_http_upstream_keepalive_module).
#include "nginx/upstream.h"

#include <fmt/format.h>
#include <netdb.h>

#include <algorithm>

#include "balance/balancer.h"
#include "nginx/balancing.h"
#include "nginx/literal_pools.h"
#include "nginx/personality.h"
#include "nginx/proxy.h"
#include "nginx/request.h"
#include "nginx/sticky.h"
#include "nginx/upstream_names.h"
#include "nginx/zone_names.h"
#include "proxy/transaction.h"

namespace weir::nginx {
namespace {

constexpr uint64_t kLeastZone = 8 * 4096;
constexpr size_t kLongestRoute = 32;

Scope& scope_of(void* s) {
  return *static_cast<Scope*>(s);
}

bool lookup(Scope& scope, Str text, uint16_t default_port, config::Where where, std::vector<net::Addr>& out) {
  net::Addr a;
  if (text.starts_with("unix:")) {
    Str path = scope.arena.dup(text.substr(5));
    a.family = AF_UNIX;
    a.path = path.data();
    a.path_size = static_cast<uint16_t>(path.size());
    out.push_back(a);
    return true;
  }
  Str host = text;
  uint16_t port = default_port;
  size_t colon = text.rfind(':');
  if (colon != Str::npos && text.find(']', colon) == Str::npos && (text[0] == '[' || text.find(':') == colon)) {
    auto n = parse_u64(text.substr(colon + 1));
    if (!n || *n == 0 || *n > 65535) {
      auto& e = scope.error(where, fmt::format("invalid port in upstream \"{}\"", text), "a port is 1 to 65535");
      e.product = e.text;
      return false;
    }
    port = static_cast<uint16_t>(*n);
    host = text.substr(0, colon);
  }
  if (net::parse_ip(host, a)) {
    a.port = port;
    out.push_back(a);
    return true;
  }
  if (scope.options.offline) {
    scope.diag.note(where, fmt::format("host \"{}\" is not looked up offline", host));
    return false;
  }
  addrinfo hints{}, *list = nullptr;
  hints.ai_socktype = SOCK_STREAM;
  if (host.empty() || getaddrinfo(std::string(host).c_str(), nullptr, &hints, &list) != 0 || !list) {
    if (scope.options.face == config::Dialect::weir) {
      scope.diag.warning(where, fmt::format("host not found in upstream \"{}\"; its server is down until it is", text));
      return false;
    }
    auto& e =
        scope.error(where, fmt::format("host not found in upstream \"{}\"", text), "check the name or use an address");
    e.product = e.text;
    return false;
  }
  for (addrinfo* i = list; i; i = i->ai_next) {
    net::Addr found = net::Addr::from(i->ai_addr, i->ai_addrlen);
    found.port = port;
    out.push_back(found);
  }
  freeaddrinfo(list);
  return true;
}

// `key`: how the configuration finds it.
model::Pool* new_pool(Scope& scope, Str name, const std::string& key) {
  auto* pool = scope.arena.own<model::Pool>();
  pool->name = scope.arena.dup(name);
  pool->id = static_cast<uint32_t>(scope.model.pools.size());
  pool->state = model::pool_state(fmt::format("nginx/{}", name));
  pool->local = scope.arena.own<model::PoolLocal>();
  pool->personality = &personality();
  pool->reuse = model::Reuse::always;
  pool->passive_health = true;
  pool->limits.backups = model::Backups::when_full;
  pool->limits.warms = true;
  scope.model.add_pool(pool);
  scope.http->pools[key] = pool;
  return pool;
}

void add_server(Scope& scope, model::Pool& pool, const model::Server& pattern, Str text, const net::Addr& addr) {
  auto* s = scope.arena.own<model::Server>();
  *s = pattern;
  s->name = scope.arena.dup(text);
  s->addr = addr;
  s->id = static_cast<uint32_t>(scope.model.servers.size());
  s->slot = static_cast<uint16_t>(pool.servers.size());
  s->pool = &pool;
  s->state = model::server_state(fmt::format("nginx/{}/{}", pool.name, addr.text()));
  s->local = scope.arena.own<model::ServerLocal>();
  pool.servers.push_back(s);
  scope.model.servers.push_back(s);
}

// nginx follows names in zones only.
void check_zone(Scope& scope, const Directive& d) {
  auto named = [](const Directive& c, Str name) { return c.name() == name; };
  if (std::any_of(d.block.begin(), d.block.end(), [&](const Directive& c) { return named(c, "zone"); })) return;
  for (const Directive& c : d.block) {
    if (!named(c, "server")) continue;
    for (size_t i = 1; i < c.args(); i++) {
      if (c.arg(i).text != "resolve") continue;
      auto& e = scope.error(
          c.arg(i).where,
          fmt::format("resolving names at run time requires upstream \"{}\" to be in shared memory", d.arg(0).text),
          "write: zone NAME 64k;");
      e.product = e.text;
    }
  }
}

void bind_upstream(void* s, const Directive& d, const Row&) {
  Scope& scope = scope_of(s);
  Str name = d.arg(0).text;
  if (scope.http->pools.contains(group_key(name))) {
    auto& e = scope.error(d.arg(0).where, fmt::format("duplicate upstream \"{}\"", name), "merge the two blocks");
    e.product = e.text;
    return;
  }
  model::Pool* pool = new_pool(scope, name, group_key(name));
  scope.pool = pool;
  scope.bind_block(d, kUpstream);
  scope.pool = nullptr;
  check_zone(scope, d);
  bool any = std::any_of(d.block.begin(), d.block.end(), [](const Directive& c) { return c.name() == "server"; });
  if (!any) {
    auto& e = scope.error(d.where, "no servers are inside upstream", "name at least one server");
    e.product = e.text;
  } else if (!pool->servers.empty() && std::ranges::all_of(pool->servers, &model::Server::backup)) {
    auto& e =
        scope.error(d.where, fmt::format("no servers in upstream \"{}\"", name), "take \"backup\" from one of them");
    e.product = e.text;
  }
}

// What a server line says about names.
struct NameOptions {
  bool resolve = false;
  Str service;
};

void take_route(Scope& scope, const Directive& d, size_t i, model::Server& s) {
  Str route = d.arg(i).text.substr(6);
  if (!route.empty() && route.size() <= kLongestRoute) return set_route(scope, s, route);
  auto& e = scope.error(d.arg(i).where, std::string(route.empty() ? "route is empty" : "route is longer than 32"),
                        "a name of 1 to 32 bytes");
  e.product = e.text;
}

bool server_option(Scope& scope, const Directive& d, size_t i, model::Server& s, NameOptions& names) {
  Str w = d.arg(i).text;
  auto number = [&](Str prefix, uint64_t& n) {
    if (!w.starts_with(prefix)) return false;
    auto v = parse_u64(w.substr(prefix.size()));
    if (!v) return false;
    n = *v;
    return true;
  };
  uint64_t n = 0;
  if (number("weight=", n) && n > 0)
    s.weight = static_cast<int32_t>(n);
  else if (number("max_conns=", n))
    s.max_conns = static_cast<int32_t>(n);
  else if (number("max_fails=", n))
    s.max_fails = static_cast<uint32_t>(n);
  else if (w.starts_with("fail_timeout=") && parse_ms(w.substr(13), n))
    s.fail_timeout = static_cast<uint32_t>(n);
  else if (w == "backup" && method_takes_backups(scope, *scope.pool))
    s.backup = true;
  else if (w.starts_with("slow_start=") && parse_ms(w.substr(11), n) && method_takes_slow_start(scope, *scope.pool))
    s.limits.slow_start = static_cast<uint32_t>(std::min<uint64_t>(n, INT32_MAX));
  else if (w == "down")
    s.disabled = true;
  else if (w == "drain")
    s.draining = true;
  else if (w.starts_with("route="))
    take_route(scope, d, i, s);
  else if (w == "resolve")
    names.resolve = true;
  else if (w.starts_with("service=") && w.size() > 8)
    names.service = w.substr(8);
  else
    return false;
  return true;
}

void bind_server(void* s, const Directive& d, const Row&) {
  Scope& scope = scope_of(s);
  model::Server server;
  NameOptions names;
  for (size_t i = 1; i < d.args(); i++)
    if (!server_option(scope, d, i, server, names)) {
      Str w = d.arg(i).text;
      uint64_t ignored = 0;
      const bool slow = w.starts_with("slow_start=") && parse_ms(w.substr(11), ignored);
      auto& e = scope.error(d.arg(i).where,
                            w == "backup" || slow ? fmt::format("balancing method does not support parameter \"{}\"",
                                                                w.substr(0, w.find('=')))
                                                  : fmt::format("invalid parameter \"{}\"", w),
                            "weight=, max_conns=, max_fails=, fail_timeout=, slow_start=, backup, down, drain, route=, "
                            "resolve, service=");
      e.product = e.text;
    }
  Str text = d.arg(0).text;
  if (!names.service.empty() && !names.resolve) {
    auto& e = scope.error(d.where, fmt::format("service upstream \"{}\" requires \"resolve\" parameter", text),
                          "write: resolve");
    e.product = e.text;
    return;
  }
  Str host = text;
  uint16_t port = 0;
  net::Addr literal;
  if (names.resolve && !text.starts_with("unix:") && !(split_port(host, port) && net::parse_ip(host, literal)))
    return add_named_servers(scope, *scope.pool, server, d.arg(0), names.service);
  std::vector<net::Addr> addrs;
  if (!lookup(scope, text, 80, d.arg(0).where, addrs)) {
    server.unresolved = true;
    addrs.emplace_back();
  }
  server.host = scope.arena.dup(text.substr(0, text.rfind(':')));
  server.written = scope.arena.dup(text);
  for (const net::Addr& a : addrs) add_server(scope, *scope.pool, server, a.family ? Str(a.text()) : text, a);
}

void bind_keepalive(void* s, const Directive& d, const Row&) {
  Scope& scope = scope_of(s);
  auto n = parse_u64(d.arg(0).text);
  if (!n) return bad_value(scope, d, 0, "a number of connections");
  scope.pool->keepalive = static_cast<uint32_t>(*n);
  if (d.args() > 1 && d.arg(1).text != "local") bad_value(scope, d, 1, "local");
}

void bind_keepalive_requests(void* s, const Directive& d, const Row&) {
  auto n = parse_u64(d.arg(0).text);
  if (!n) return bad_value(scope_of(s), d, 0, "a number of requests");
  scope_of(s).pool->keepalive_requests = static_cast<uint32_t>(std::min<uint64_t>(*n, UINT32_MAX));
}

void bind_keepalive_timeout(void* s, const Directive& d, const Row&) {
  uint64_t ms = 0;
  if (!parse_ms(d.arg(0).text, ms)) return bad_value(scope_of(s), d, 0, "a time such as 60s");
  scope_of(s).pool->keepalive_timeout = static_cast<uint32_t>(ms);
}

void bind_keepalive_time(void* s, const Directive& d, const Row&) {
  uint64_t ms = 0;
  if (!parse_ms(d.arg(0).text, ms)) return bad_value(scope_of(s), d, 0, "a time such as 1h");
  scope_of(s).pool->keepalive_time = static_cast<uint32_t>(std::min<uint64_t>(ms, UINT32_MAX));
}

// The state of a group belongs to all shards with or without it; only a wrong size can be told.
void bind_zone(void* s, const Directive& d, const Row&) {
  Scope& scope = scope_of(s);
  uint64_t size = 0;
  if (!claim_zone(scope, d.arg(0), d.arg(0).text, "upstream")) return;
  if (d.args() < 2 || (parse_size(d.arg(1).text, size) && size >= kLeastZone)) return;
  auto& e = scope.error(d.arg(1).where,
                        size ? fmt::format("zone \"{}\" is too small", d.arg(0).text)
                             : fmt::format("invalid zone size \"{}\"", d.arg(1).text),
                        "a size such as 64k");
  e.product = e.text;
}

const Row kTable[] = {
    {"upstream", kHttp, 1, 1, Block::required, Inherit::none, bind_upstream, "name { ... }", "a group of servers"},
    {"server", kUpstream, 1, -1, Block::none, Inherit::none, bind_server, "address [parameters]",
     "a server of the group"},
    {"keepalive", kUpstream, 1, 2, Block::none, Inherit::none, bind_keepalive, "connections [local]",
     "idle connections kept to the group, per shard"},
    {"keepalive_requests", kUpstream, 1, 1, Block::none, Inherit::none, bind_keepalive_requests, "number",
     "requests after which a server connection is closed"},
    {"keepalive_timeout", kUpstream, 1, 1, Block::none, Inherit::none, bind_keepalive_timeout, "time",
     "how long an idle server connection is kept"},
    {"keepalive_time", kUpstream, 1, 1, Block::none, Inherit::none, bind_keepalive_time, "time",
     "how long a server connection is used at all"},
    {"zone", kUpstream, 1, 2, Block::none, Inherit::none, bind_zone, "name [size]",
     "shares the group's state between workers, as weir does for every group"},
};

}  // namespace

std::string group_key(Str name) {
  std::string key(name);
  if (!name.starts_with("unix:"))
    for (char& c : key) c = lower(c);
  return key;
}

std::string pool_key(Str target, uint16_t default_port) {
  const size_t colon = target.rfind(':');
  const bool whole = target.starts_with("unix:") || (colon != Str::npos && target.find(']', colon) == Str::npos);
  return group_key(whole ? std::string(target) : fmt::format("{}:{}", target, default_port));
}

model::Pool* find_or_make_pool(Scope& scope, Str target, uint16_t default_port, config::Where where) {
  auto it = scope.http->pools.find(group_key(target));
  if (it != scope.http->pools.end()) return it->second;
  model::Pool* other = scope.model.find_pool(target);
  if (other && other->personality != &personality()) return other;
  const std::string key = pool_key(target, default_port);
  if (it = scope.http->pools.find(key); it != scope.http->pools.end()) return it->second;
  std::vector<net::Addr> addrs;
  bool found = lookup(scope, target, default_port, where, addrs);
  if (!found && !scope.options.offline && scope.options.face != config::Dialect::weir) return nullptr;
  model::Pool* pool = new_pool(scope, target, key);
  pool->unnamed = true;
  pool->keepalive = 0;
  model::Server pattern;
  pattern.host = scope.arena.dup(target.substr(0, target.rfind(':')));
  if (addrs.empty()) {
    pattern.unresolved = true;
    addrs.emplace_back();
  }
  for (const net::Addr& a : addrs) add_server(scope, *pool, pattern, a.family ? Str(a.text()) : target, a);
  pool->balancer = model::make_smooth_round_robin(*pool);
  return pool;
}

void finish_pools(Scope& scope) {
  for (auto& [name, pool] : scope.http->pools)
    if (!pool->balancer) pool->balancer = model::make_smooth_round_robin(*pool);
}

const Module kUpstreamModule{"upstream", 0, nullptr, kTable, nullptr, nullptr, finish_pools};

}  // namespace weir::nginx
