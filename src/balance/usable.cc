// Which servers may take a request; see balance/balancer.h. Passive health is nginx's: after max_fails failures within
// fail_timeout the server is left out for fail_timeout (ngx_http_upstream_module, `server`).
#include "balance/balancer.h"
#include "balance/lineup.h"
#include "net/loop.h"

namespace weir::model {

namespace {

constexpr uint64_t kStepMs = 100;  // between two steps of a slow start, at least
constexpr uint64_t kLookMs = 100;  // between two looks whether a name has got its address

// Threads that serve nothing ask as well.
uint64_t clock_now() {
  return net::Loop::has_current() ? net::Loop::current().now() : stats::monotonic_ms();
}

// The time up to which its failures keep requests away from it; 0: they do not.
uint64_t failing_until(const Server& server) {
  const ServerState& s = *server.state;
  if (!server.max_fails || s.fails.load(std::memory_order_relaxed) < server.max_fails) return 0;
  return static_cast<uint64_t>(s.checked_ms.load(std::memory_order_relaxed)) + server.fail_timeout + 1;
}

// Whether only an address and better times are missing.
bool in_service(const ServerState& s) {
  return !s.admin.load(std::memory_order_relaxed) && s.up.load(std::memory_order_relaxed) &&
         !s.stopping.load(std::memory_order_relaxed);
}

// The time that a slow start which is not over began at; 0: there is none. A server whose failures are forgiven comes back by
// itself.
uint64_t warming_since(const Server& server, uint64_t now_ms) {
  const uint64_t window = server.limits.slow_start;
  if (!window) return 0;
  const uint64_t since = std::max(server.state->warmth.since_ms.load(std::memory_order_relaxed), failing_until(server));
  return since && since <= now_ms && now_ms - since < window ? since : 0;
}

// In sixteenths, one at least.
uint64_t warmth(uint64_t since_ms, uint32_t window, uint64_t now_ms) {
  return std::min<uint64_t>(kShares, (kShares * (now_ms - since_ms) + window) / window);
}

// What dynamic algorithms give a server; `until_ms` becomes the time of the next step where that is sooner.
int32_t share_at(const Server& server, int32_t weight, uint64_t now_ms, uint64_t& until_ms) {
  const uint64_t since = server.pool->limits.warms ? warming_since(server, now_ms) : 0;
  if (!since) return full_share(weight);
  const uint64_t warm = warmth(since, server.limits.slow_start, now_ms);
  const uint64_t next = since + warm * server.limits.slow_start / kShares;
  until_ms = std::min(until_ms, std::max(next, now_ms + kStepMs));
  return std::max(1, full_share(weight) / kShares) * static_cast<int32_t>(warm);
}

}  // namespace

bool warming(const Server& server, uint64_t now_ms) {
  return warming_since(server, now_ms) != 0;
}

int32_t warm_percent(const Server& server, uint64_t now_ms) {
  const uint64_t since = warming_since(server, now_ms);
  return since ? static_cast<int32_t>(std::max<uint64_t>(1, 100 * (now_ms - since) / server.limits.slow_start)) : 100;
}

int32_t warming_share(const Server& server, int32_t weight) {
  uint64_t ignored = UINT64_MAX;
  return share_at(server, weight, clock_now(), ignored);
}

// As HAProxy's srv_dynamic_maxconn.
int32_t varied_limit(const Server& server, int32_t limit) {
  const ServerLimits& l = server.limits;
  int64_t most = limit;
  const int64_t load = server.pool->state->current.read(), full = server.pool->limits.full_conns;
  if (l.min_conns && l.min_conns < limit && load < full)
    most = std::max<int64_t>(l.min_conns, std::max<int64_t>(0, load) * limit / full);
  if (!l.slow_start) return static_cast<int32_t>(most);
  const uint64_t now = clock_now(), since = warming_since(server, now);
  if (since) most = most * static_cast<int64_t>(100 * (now - since) / l.slow_start) / 100;
  return static_cast<int32_t>(std::max<int64_t>(1, most));
}

bool usable(const Server& server, uint64_t now_ms) {
  return !at_limit(server) && !server.without_address() && in_service(*server.state) && failing_until(server) <= now_ms;
}

bool keeps_clients(const Server& server, uint64_t now_ms) {
  const ServerState& s = *server.state;
  return s.admin.load(std::memory_order_relaxed) != static_cast<uint8_t>(Admin::maint) &&
         s.up.load(std::memory_order_relaxed) && !server.without_address() && failing_until(server) <= now_ms;
}

bool takes_or_left(const Server& server, uint64_t now_ms) {
  if (!at_limit(server)) return true;
  return server.without_address() || !in_service(*server.state) || failing_until(server) > now_ms ||
         server.state->weight.load(std::memory_order_relaxed) <= 0;
}

void renew(const Pool& pool, uint64_t now_ms, Lineup& lineup) {
  Lineup fresh;
  fresh.seen = pool.state->changes.load(std::memory_order_acquire);
  fresh.until_ms = UINT64_MAX;
  fresh.active.reserve(lineup.active.size());
  auto present = [](const Server* s) { return !s->absent(); };
  const bool lone = std::count_if(pool.servers.begin(), pool.servers.end(), present) == 1;
  for (const Server* s : pool.servers) {
    if (!present(s)) continue;
    int32_t weight = s->state->weight.load(std::memory_order_relaxed);
    if (weight <= 0 || !in_service(*s->state)) continue;
    // Leaving a lone server out because it fails would help nobody.
    uint64_t failing = lone ? 0 : failing_until(*s);
    uint64_t back = s->without_address() ? now_ms + kLookMs : failing;
    if (back > now_ms)
      fresh.until_ms = std::min(fresh.until_ms, back);
    else
      (s->backup ? fresh.backup : fresh.active).push_back({s, weight, share_at(*s, weight, now_ms, fresh.until_ms)});
  }
  bool other = lineup.version == 0 || fresh.active != lineup.active || fresh.backup != lineup.backup;
  fresh.version = lineup.version + other;
  lineup = std::move(fresh);
}

void prepare_pools(const Model& model) {
  for (const Pool* p : model.pools)
    if (p->balancer) p->balancer->prepare(*p, clock_now());
}

int active_servers(const Pool& pool, uint64_t now_ms) {
  PickLock lock(pool);
  return static_cast<int>(lineup(pool, now_ms).active.size());
}

bool has_place(const Pool& pool, uint64_t now_ms) {
  PickLock lock(pool);
  const Lineup& l = lineup(pool, now_ms);
  auto free = [](const Lineup::Place& p) { return !at_limit(*p.server); };
  if (std::any_of(l.active.begin(), l.active.end(), free)) return true;
  const Backups rule = pool.limits.backups;
  if (!l.active.empty() && rule != Backups::when_full) return false;
  Places backup =
      Places(l.backup).first(rule == Backups::first ? std::min<size_t>(1, l.backup.size()) : l.backup.size());
  return std::any_of(backup.begin(), backup.end(), free);
}

bool is_full(const Pool& pool, uint64_t now_ms) {
  PickLock lock(pool);
  const Lineup& l = lineup(pool, now_ms);
  for (const auto* group : {&l.active, &l.backup})
    for (const Lineup::Place& p : *group)
      if (at_limit(*p.server)) return true;
  return false;
}

}  // namespace weir::model
