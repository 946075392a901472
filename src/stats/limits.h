#pragma once
// How much clients may ask of the whole process, over all frontends and shards. The configuration sets it before the shards
// start, operators change it on the runtime socket since. Lives in the crew of the shards; read at each accept.
#include <algorithm>
#include <atomic>
#include <cstdint>

#include "stats/rate.h"

namespace weir::stats {

// Milliseconds until one more may come where `seen` of `limit` in a second have; 0: now. Not exact: the caller looks again.
constexpr uint32_t pause_ms(uint32_t seen, uint32_t limit) {
  return limit == 0 || seen < limit ? 0 : std::clamp<uint32_t>(1000 / limit, 1, 1000);
}

// So many a second. They are counted only while there is a limit.
struct RateLimit {
  std::atomic<uint32_t> limit{0};  // 0: none
  Rate rate;

  uint32_t wait_ms(uint64_t now_ms) const {
    uint32_t n = limit.load(std::memory_order_relaxed);
    return n ? pause_ms(rate.read(now_ms), n) : 0;
  }
  void count(uint64_t now_ms, uint32_t n = 1) {
    if (limit.load(std::memory_order_relaxed)) rate.add(now_ms, n);
  }
};

struct Limits {
  std::atomic<uint64_t> max_conns{0};  // an operator's; 0: as configured
  RateLimit connections;
  RateLimit sessions;
  RateLimit tls_sessions;
  RateLimit compression;  // bytes that are given to it; a response that comes while it is reached is not compressed
};

}  // namespace weir::stats
