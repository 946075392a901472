// See stats/rate.h.
#include "stats/rate.h"

#include "base/clock.h"

namespace weir::stats {

uint64_t monotonic_ms() {
  return clock_ms(CLOCK_MONOTONIC);
}

}  // namespace weir::stats
