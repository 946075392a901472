#pragma once
// How busy the process has been of late, from the figures of two moments. Asked by `show info`; safe on any thread.
#include <cstdint>

namespace weir::stats {

struct ProcessLoad {
  uint32_t idle_pct = 100;  // of the processor time that its shards could have used
  uint64_t bytes_out_rate = 0;  // per second
};

// Since the last call, or the one before where that is less than a second ago; the first time since the start.
ProcessLoad process_load(uint64_t now_ms, uint64_t start_ms, int shards, uint64_t bytes_out);

}  // namespace weir::stats
