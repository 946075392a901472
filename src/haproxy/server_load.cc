// See haproxy/server_load.h (configuration.txt 5.2: minconn, maxqueue, slowstart, strict-maxconn).
#include "haproxy/server_load.h"

#include <fmt/format.h>

#include <unordered_map>
#include <unordered_set>

#include "haproxy/tables.h"

namespace weir::haproxy {
namespace {

// Whether a server's growing share of its weight tells: some go by no weights, or by tables that cost too much for each step.
bool warms(const Proxy& p) {
  switch (p.s.balance.algorithm) {
    case Algorithm::first:
    case Algorithm::sticky:
    case Algorithm::lua:
    case Algorithm::maglev: return false;
    default: return is_dynamic(p);
  }
}

// Backends that a frontend may choose, each once. Names that are made for each request are not known.
std::unordered_set<const Proxy*> backends_of(const Proxy& front) {
  std::unordered_set<const Proxy*> all;
  if (front.fallback.backend)
    all.insert(front.fallback.backend);
  else if (front.kind == Kind::listen)
    all.insert(&front);
  for (const Switch& s : front.switches)
    if (s.target.backend) all.insert(s.target.backend);
  return all;
}

void on_line(void*, const Directive&, const Row&) {}

constexpr Row option(Str name, int8_t args, Str syntax, Str help) {
  return {name, kServerOption, args, args, Block::none, Inherit::none, on_line, syntax, help};
}

constexpr Row kRows[] = {
    option("minconn", 1, "<minconn>",
           "lower end of the server's limit, which grows to maxconn while the backend's load grows to fullconn"),
    option("maxqueue", 1, "<maxqueue>", "how many requests may wait for this server alone"),
    option("strict-maxconn", 0, "", "count idle connections against maxconn as well"),
    option("slowstart", 1, "<start_time_in_ms>",
           "time over which a server that came back gets its full maxconn and, with dynamic algorithms, weight"),
};

}  // namespace

bool is_dynamic(const Proxy& p) {
  switch (p.s.balance.algorithm) {
    case Algorithm::static_rr:
    case Algorithm::log_hash: return false;
    case Algorithm::source:
    case Algorithm::uri:
    case Algorithm::url_param:
    case Algorithm::hdr:
    case Algorithm::rdp_cookie:
    case Algorithm::hash: return p.s.hash.consistent;
    default: return true;
  }
}

bool take_load_option(Scope& scope, LoadOptions& o, Str name, Words args) {
  uint64_t n = 0;
  if (name == "minconn" || name == "maxqueue") {
    if (read_number(scope, args[0], name, 0, INT32_MAX, n))
      (name == "minconn" ? o.minconn : o.maxqueue) = static_cast<uint32_t>(n);
  } else if (name == "slowstart") {
    read_time_ms(scope, args[0], name, o.slowstart);
  } else if (name == "strict-maxconn") {
    o.strict_maxconn = true;
  } else {
    return false;
  }
  return true;
}

void set_limits(model::Server& server, const ServerOptions& o) {
  // A lower end that is no lower than the upper one is the limit.
  server.max_conns = static_cast<int32_t>(std::max(o.maxconn, o.load.minconn));
  server.limits.min_conns = o.load.minconn < o.maxconn ? static_cast<int32_t>(o.load.minconn) : 0;
  server.limits.max_queue = static_cast<int32_t>(o.load.maxqueue);
  server.limits.strict = o.load.strict_maxconn;
  server.limits.slow_start = (o.load.slowstart + 999) / 1000 * 1000;  // HAProxy counts it in seconds
}

void set_pool_limits(Scope& scope, const Proxy& p, model::Pool& pool) {
  pool.limits.full_conns = p.s.fullconn;
  pool.limits.warms = warms(p);
  pool.limits.backups = p.s.has(kOptAllBackups) ? model::Backups::all : model::Backups::first;
  if (pool.limits.warms) return;
  for (const model::Server* s : p.servers) {
    if (!s->limits.slow_start) continue;
    scope.diag.note(p.where,
                    fmt::format("slowstart of server '{}/{}' concerns {}: '{}' does not let weights change", p.name,
                                s->name, s->max_conns ? "its maxconn alone" : "nothing", pool.balancer->name()));
  }
}

void default_full_conns(const Global& global, uint32_t most) {
  std::unordered_map<const Proxy*, uint64_t> sums;
  for (const Proxy* p : global.proxies) {
    if (!p->is_front() || p->s.disabled) continue;
    for (const Proxy* back : backends_of(*p)) sums[back] += p->s.maxconn ? p->s.maxconn : most;
  }
  for (const Proxy* p : global.proxies)
    if (p->pool && !p->s.fullconn)
      p->pool->limits.full_conns = static_cast<uint32_t>(std::clamp<uint64_t>((sums[p] + 9) / 10, 1, INT32_MAX));
}

const config::Table kServerLoadTable = kRows;

}  // namespace weir::haproxy
