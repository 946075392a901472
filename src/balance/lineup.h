#pragma once
// Who can be picked now, and who of them has a place; see model::Lineup. Balancers build what they remember on a lineup and
// make it anew when `version` is another one.
#include <algorithm>
#include <span>

#include "balance/balancer.h"

namespace weir::model {

using Places = std::span<const Lineup::Place>;

// A unit of weight has so many shares (Lineup::Place::share).
inline constexpr int32_t kShares = 16;

inline int32_t full_share(int32_t weight) {
  return static_cast<int32_t>(std::min<int64_t>(int64_t{weight} * kShares, INT32_MAX));
}

// What of a limit (above 0) and of a weight's shares is there now; for servers whose limits vary.
int32_t varied_limit(const Server& server, int32_t limit);
int32_t warming_share(const Server& server, int32_t weight);

void renew(const Pool& pool, uint64_t now_ms, Lineup& lineup);

// The pool's lock must be held, and stay so while the result is looked at.
inline const Lineup& lineup(const Pool& pool, uint64_t now_ms) {
  Lineup& l = pool.local->lineup;
  if (l.version == 0 || l.seen != pool.state->changes.load(std::memory_order_acquire) || now_ms >= l.until_ms)
    renew(pool, now_ms, l);
  return l;
}

// How many requests it may have now; 0: any number.
inline int32_t limit_of(const Server& server) {
  int32_t limit = server.state->max_conns.load(std::memory_order_relaxed);
  return limit && server.limits.vary() ? varied_limit(server, limit) : limit;
}

// Whether it has as many requests as it may have.
inline bool at_limit(const Server& server) {
  int32_t limit = limit_of(server);
  return limit && server.state->current.read() >= limit;  // ordered against Queue::wait
}

// Likewise, for who has read how many they are.
inline bool at_limit(const Server& server, int32_t current) {
  int32_t limit = server.state->max_conns.load(std::memory_order_relaxed);
  if (!limit) return false;
  if (server.limits.vary()) limit = varied_limit(server, limit);
  return current >= limit;
}

// Whether one more may wait for this server alone, which takes requests beyond its limit for that (HAProxy's `maxqueue`).
inline bool takes_to_wait(const Server& server, int32_t current) {
  const int32_t most = server.limits.max_queue;
  return most && current + server.state->queued.read() < limit_of(server) + most;
}

// As Lineup::Place::share, for who has no place at hand.
inline int64_t share_of(const Server& server) {
  int32_t weight = server.state->weight.load(std::memory_order_relaxed);
  if (!server.limits.slow_start) return int64_t{weight} * kShares;
  return server.pool->limits.warms ? warming_share(server, weight) : full_share(weight);
}

// Servers that may be picked for this try.
inline bool takes(const Server& server, const Tried& tried) {
  return !tried.has(server.slot) && !at_limit(server);
}

// Who has served without a break for longest, in the order of the configuration; a backup when nobody else serves.
const Server* longest_serving(const Lineup& l);

// HAProxy's rule about backups: the active servers while there are any, then the first backup, or all of them.
inline Places places_in_charge(const Lineup& l, bool all_backups) {
  if (!l.active.empty()) return l.active;
  return Places(l.backup).first(all_backups ? l.backup.size() : std::min<size_t>(1, l.backup.size()));
}

}  // namespace weir::model
