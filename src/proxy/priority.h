#pragma once
// Who goes first among requests that wait for a server (HAProxy's set-priority-class and set-priority-offset).
#include <algorithm>
#include <cstdint>

namespace weir::proxy {

struct Priority {
  int16_t rank = 0;  // the class: a lower one goes first, -2047 to 2047
  int32_t offset_ms = 0;  // in its class it goes where it would have gone had it come so much later, -524287 to 524287

  void set_rank(int64_t n) { rank = static_cast<int16_t>(std::clamp<int64_t>(n, -2047, 2047)); }
  void set_offset(int64_t ms) { offset_ms = static_cast<int32_t>(std::clamp<int64_t>(ms, -524287, 524287)); }

  // Keys of all that wait in one order, over all shards. `ticket`: grows with each. Never 0.
  uint64_t key(uint64_t now_ms, uint64_t ticket) const {
    constexpr uint64_t kTimes = (uint64_t{1} << 40) - 1;
    const uint64_t time = (now_ms + static_cast<uint64_t>(524288 + offset_ms)) & kTimes;
    return static_cast<uint64_t>(rank + 2048) << 52 | time << 12 | (ticket & 0xfff);
  }
};

}  // namespace weir::proxy
