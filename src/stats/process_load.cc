// See stats/process_load.h.
#include "stats/process_load.h"

#include <algorithm>
#include <mutex>

#include "base/clock.h"

namespace weir::stats {
namespace {

constexpr uint64_t kLeastMs = 1000;

struct Sample {
  uint64_t at_ms = 0, cpu_ms = 0, bytes_out = 0;
};

ProcessLoad between(const Sample& a, const Sample& b, int shards) {
  uint64_t ms = std::max<uint64_t>(b.at_ms - a.at_ms, 1);
  uint64_t busy =
      std::min<uint64_t>(100, 100 * (b.cpu_ms - a.cpu_ms) / (ms * static_cast<uint64_t>(std::max(shards, 1))));
  // Counters can be cleared.
  uint64_t bytes = b.bytes_out > a.bytes_out ? b.bytes_out - a.bytes_out : 0;
  return {static_cast<uint32_t>(100 - busy), bytes * 1000 / ms};
}

}  // namespace

ProcessLoad process_load(uint64_t now_ms, uint64_t start_ms, int shards, uint64_t bytes_out) {
  static std::mutex lock;
  static Sample before, last;
  std::lock_guard hold(lock);
  if (last.at_ms == 0) before = last = {start_ms, 0, bytes_out};
  Sample now{now_ms, clock_ms(CLOCK_PROCESS_CPUTIME_ID), bytes_out};
  if (now_ms >= last.at_ms + kLeastMs) {
    before = last;
    last = now;
  }
  return between(before, now, shards);
}

}  // namespace weir::stats
