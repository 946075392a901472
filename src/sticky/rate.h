#pragma once
// Events per period, sliding: what came in the running period, and of the one before the part that still counts. As it lies in
// tables, under their locks.
#include <cstdint>

namespace weir::sticky {

struct PeriodRate {
  uint64_t begun_ms;  // of the running period
  uint32_t running;
  uint32_t before;

  void add(uint64_t now_ms, uint32_t period_ms, uint32_t n = 1) {
    turn(now_ms, period_ms);
    running += n;
  }
  // So many have come just now: read as that for a period, then fading out.
  void set(uint64_t now_ms, uint32_t n) { *this = {now_ms, n, 0}; }
  uint32_t read(uint64_t now_ms, uint32_t period_ms) const {
    PeriodRate r = *this;
    r.turn(now_ms, period_ms);
    // A lone event stays until its time is over.
    if (r.running == 0 && r.before <= 1) return r.before;
    const uint64_t left = r.begun_ms + period_ms - now_ms;
    return r.running + static_cast<uint32_t>(uint64_t{r.before} * left / period_ms);
  }

 private:
  void turn(uint64_t now_ms, uint32_t period_ms) {
    if (now_ms - begun_ms < period_ms) return;
    const bool next = now_ms - begun_ms < 2 * uint64_t{period_ms};
    before = next ? running : 0;
    begun_ms = next ? begun_ms + period_ms : now_ms;
    running = 0;
  }
};

}  // namespace weir::sticky
