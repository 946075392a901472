// Which servers may take a request; see balance/balancer.h. Passive health is nginx's: after max_fails failures within
// fail_timeout the server is left out for fail_timeout (ngx_http_upstream_module, `server`).
#include "balance/balancer.h"
#include "balance/lineup.h"

namespace weir::model {

namespace {

constexpr uint64_t kLookMs = 100;  // between two looks whether a name has got its address

bool without_address(const Server& server) {
  return server.unresolved && !server.local->addr.load(std::memory_order_relaxed);
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

}  // namespace

bool usable(const Server& server, uint64_t now_ms) {
  return !at_limit(server) && !without_address(server) && in_service(*server.state) && failing_until(server) <= now_ms;
}

bool keeps_clients(const Server& server, uint64_t now_ms) {
  const ServerState& s = *server.state;
  return s.admin.load(std::memory_order_relaxed) != static_cast<uint8_t>(Admin::maint) &&
         s.up.load(std::memory_order_relaxed) && !without_address(server) && failing_until(server) <= now_ms;
}

bool takes_or_left(const Server& server, uint64_t now_ms) {
  if (!at_limit(server)) return true;
  return without_address(server) || !in_service(*server.state) || failing_until(server) > now_ms ||
         server.state->weight.load(std::memory_order_relaxed) <= 0;
}

void renew(const Pool& pool, uint64_t now_ms, Lineup& lineup) {
  Lineup fresh;
  fresh.seen = pool.state->changes.load(std::memory_order_acquire);
  fresh.until_ms = UINT64_MAX;
  for (const Server* s : pool.servers) {
    int32_t weight = s->state->weight.load(std::memory_order_relaxed);
    if (weight <= 0 || !in_service(*s->state)) continue;
    // Leaving a lone server out because it fails would help nobody.
    uint64_t failing = pool.servers.size == 1 ? 0 : failing_until(*s);
    uint64_t back = without_address(*s) ? now_ms + kLookMs : failing;
    if (back > now_ms)
      fresh.until_ms = std::min(fresh.until_ms, back);
    else
      (s->backup ? fresh.backup : fresh.active).push_back({s, weight});
  }
  bool other = lineup.version == 0 || fresh.active != lineup.active || fresh.backup != lineup.backup;
  fresh.version = lineup.version + other;
  lineup = std::move(fresh);
}

int active_servers(const Pool& pool, uint64_t now_ms) {
  PickLock lock(pool);
  return static_cast<int>(lineup(pool, now_ms).active.size());
}

bool has_place(const Pool& pool, uint64_t now_ms) {
  PickLock lock(pool);
  const Lineup& l = lineup(pool, now_ms);
  for (const Lineup::Place& p : l.active.empty() ? l.backup : l.active)
    if (!at_limit(*p.server)) return true;
  return false;
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
