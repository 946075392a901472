// See nginx/upstream_names.h.
#include "nginx/upstream_names.h"

#include <fmt/format.h>

#include "nginx/error_log.h"
#include "nginx/literal_pools.h"
#include "nginx/resolver.h"
#include "proxy/server_names.h"

namespace weir::nginx {
namespace {

// A group has places for so many addresses of a name; those that have none do not exist for anybody.
constexpr int kPlaces = 32;
constexpr int kBackupPlaces = 16;  // for services of a worse priority

struct Named {
  model::Pool* pool;
  proxy::ServerName* name;
  config::Where where;
};
struct OwnResolver {
  model::Pool* pool;
  ResolverConf conf;
};
struct NamedServers {
  std::vector<Named> all;
  std::vector<OwnResolver> own;  // of groups that have one
};

Scope& scope_of(void* s) {
  return *static_cast<Scope*>(s);
}

ResolverConf& own_conf(Scope& scope) {
  auto& own = scope.main<NamedServers>(kUpstreamNamesModule).own;
  for (OwnResolver& o : own)
    if (o.pool == scope.pool) return o.conf;
  return own.emplace_back(OwnResolver{scope.pool, {}}).conf;
}

void bind_resolver(void* s, const Directive& d, const Row&) {
  if (proxy::Names* names = make_names(scope_of(s), d)) own_conf(scope_of(s)).names = names;
}

void bind_timeout(void* s, const Directive& d, const Row&) {
  uint64_t ms = 0;
  if (!parse_ms(d.arg(0).text, ms)) return bad_value(scope_of(s), d, 0, "a time such as 30s");
  own_conf(scope_of(s)).timeout = static_cast<uint32_t>(std::min<uint64_t>(ms, INT32_MAX));
}

// "http" stands for "_http._tcp".
Str service_name(Scope& scope, Str service, Str host) {
  if (service.find('.') != Str::npos) return scope.arena.cat(service, ".", host);
  return scope.arena.cat(service.starts_with('_') ? "" : "_", service, "._tcp.", host);
}

void tell_excess(const model::Pool& pool, Str name, size_t addresses, size_t places) {
  log_error(nullptr, LogLevel::error, 0,
            fmt::format("{} has {} addresses in upstream \"{}\", which uses {} of them and cannot hold more", name,
                        addresses, pool.name, places));
}

void add_place(Scope& scope, model::Pool& pool, const model::Server& pattern, bool backup, int number) {
  auto* s = scope.arena.own<model::Server>(pattern);
  s->id = static_cast<uint32_t>(scope.model.servers.size());
  s->slot = static_cast<uint16_t>(pool.servers.size());
  s->pool = &pool;
  s->backup = backup;
  s->name = scope.arena.dup(fmt::format("{}#{}", s->written, number));
  s->state = model::server_state(fmt::format("nginx/{}/{}#{}", pool.name, s->follows->host, number));
  s->local = scope.arena.own<model::ServerLocal>();
  pool.servers.push_back(s);
  scope.model.servers.push_back(s);
}

void finish(Scope& scope) {
  auto& named = scope.main<NamedServers>(kUpstreamNamesModule);
  const auto& of_http = scope.http->level.of<ResolverConf>(kResolverModule);
  for (const Named& n : named.all) {
    ResolverConf conf = of_http;
    for (const OwnResolver& o : named.own) {
      if (o.pool != n.pool) continue;
      if (o.conf.names.set) conf.names = o.conf.names.value;
      if (o.conf.timeout.set) conf.timeout = o.conf.timeout.value;
    }
    if (!conf.names.set) {
      auto& e = scope.error(
          n.where, fmt::format("no resolver defined to resolve names at run time in upstream \"{}\"", n.pool->name),
          "write: resolver 127.0.0.53;");
      e.product = e.text;
      continue;
    }
    n.name->names = conf.names.value;
    n.name->retry_ms = conf.timeout.get(30000);
  }
}

const Row kTable[] = {
    {"resolver", kUpstream, 1, -1, Block::none, Inherit::none, bind_resolver,
     "address ... [valid=time] [ipv4=on|off] [ipv6=on|off] [status_zone=zone]",
     "name servers that tell the addresses of this group's servers with resolve"},
    {"resolver_timeout", kUpstream, 1, 1, Block::none, Inherit::none, bind_timeout, "time",
     "after what time names of this group are asked for again when there was no answer"},
};

}  // namespace

void add_named_servers(Scope& scope, model::Pool& pool, const model::Server& pattern, const config::Word& word,
                       Str service) {
  Str host = scope.arena.dup(word.text);
  uint16_t port = 80;
  if (!split_port(host, port) || host.empty() || (!service.empty() && host.size() != word.text.size())) {
    auto& e = scope.error(word.where,
                          service.empty() ? fmt::format("invalid host in upstream \"{}\"", word.text)
                                          : fmt::format("service upstream \"{}\" may not have port", word.text),
                          "a host name");
    e.product = e.text;
    return;
  }
  auto* name = scope.arena.own<proxy::ServerName>();
  name->host = service.empty() ? host : service_name(scope, service, host);
  name->services = name->by_priority = !service.empty();
  name->weights = 65535;
  name->port = port;
  name->exceeds = tell_excess;
  name->holds = {.no_such_name = 0, .refused = UINT32_MAX, .timeout = UINT32_MAX, .other = UINT32_MAX};
  model::Server place = pattern;
  place.follows = name;
  place.spare = place.unresolved = true;
  place.addr.port = name->services ? 0 : port;
  place.host = host;
  place.written = scope.arena.dup(word.text);
  for (int i = 0; i < kPlaces; i++) add_place(scope, pool, place, pattern.backup, i);
  if (!service.empty() && !pattern.backup)
    for (int i = 0; i < kBackupPlaces; i++) add_place(scope, pool, place, true, kPlaces + i);
  scope.main<NamedServers>(kUpstreamNamesModule).all.push_back({&pool, name, word.where});
}

const Module kUpstreamNamesModule{"upstream_names", 0, nullptr, kTable, nullptr, nullptr, finish};

}  // namespace weir::nginx
