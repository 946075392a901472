#pragma once
// The kernel's clocks (clock_gettime(2)) in whole milliseconds.
#include <time.h>

#include <cstdint>

namespace weir {

constexpr uint64_t milliseconds(const timespec& t) {
  return static_cast<uint64_t>(t.tv_sec) * 1000 + static_cast<uint64_t>(t.tv_nsec) / 1000000;
}

inline uint64_t clock_ms(clockid_t id) {
  timespec t{};
  clock_gettime(id, &t);
  return milliseconds(t);
}

}  // namespace weir
