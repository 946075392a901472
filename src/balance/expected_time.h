#pragma once
// How long a server is expected to take for what it has to do, as nginx's least_time sees it
// (ngx_http_upstream_least_time_module): averages of its answers, halved once for each fail_timeout without a request, at least as
// long as running requests have taken already, in steps of 20 ms so that close ones share, times the requests it has.
#include <algorithm>

#include "balance/balancer.h"

namespace weir::model {

// Exponential, with rounding; the first value is the average.
inline void add_to_average(std::atomic<uint64_t>& average, uint64_t value) {
  uint64_t was = average.load(std::memory_order_relaxed);
  average.store(was ? (value * 5 + was * 95 + 50) / 100 : value, std::memory_order_relaxed);
}

// Whether it may have been without a request for fail_timeout, counted in whole seconds.
inline bool may_be_idle(const Server& s, uint64_t now_ms, uint64_t seen_ms) {
  return now_ms + 1000 > seen_ms + s.fail_timeout;
}

// In steps.
inline uint64_t expected_steps(uint64_t ms) {
  constexpr uint64_t kMost = 5000, kStep = 20;
  return ms > kMost ? kMost / kStep : ms / kStep + 1;
}

// In steps, of the next request alone. `running`: of those that are looked at while they run.
inline uint64_t expected_alone(const Server& s, bool last_byte, int32_t running, uint64_t now_ms) {
  const Latency& l = s.state->latency;
  uint64_t ms = (last_byte ? l.total_ms : l.header_ms).load(std::memory_order_relaxed);
  const uint64_t seen_ms = l.seen_ms.load(std::memory_order_relaxed);
  if (may_be_idle(s, now_ms, seen_ms)) {
    // The product's clock counts seconds, and so fail_timeout=0 is no zero here.
    const uint64_t now = now_ms / 1000, seen = seen_ms / 1000, patience = s.fail_timeout / 1000;
    if (now > seen + patience) ms >>= std::min<uint64_t>(63, (now - seen) / (patience + 1));
  }
  if (running > 0) ms = std::max(ms, l.inflight_ms.load(std::memory_order_relaxed));
  return expected_steps(ms);
}
// With `n` requests on it.
inline uint64_t expected_time(uint64_t alone, uint32_t n) {
  return alone * (1 + uint64_t{n});
}

// It gets a request: time has not passed without one.
inline void seen_at_work(const Server& s, uint64_t now_ms) {
  auto& seen = s.state->latency.seen_ms;
  if (!may_be_idle(s, now_ms, seen.load(std::memory_order_relaxed))) return;
  const uint64_t since = now_ms / 1000 - std::min(now_ms, seen.load(std::memory_order_relaxed)) / 1000;
  if (since > s.fail_timeout / 1000) seen.store(now_ms, std::memory_order_relaxed);
}

// The averages that a finished try adds to.
inline void add_times(const Server& s, const TryEnd& end) {
  if (end.failed || end.header_ms == TryEnd::kNever) return;
  add_to_average(s.state->latency.header_ms, end.header_ms);
  add_to_average(s.state->latency.total_ms, end.total_ms);
}

}  // namespace weir::model
