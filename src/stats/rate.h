#pragma once
// How often something happens and how long it takes, counted by all shards without a lock: events per second, and times
// averaged over the last requests. What a second lost to a race is worth less than the lock that would save it.
#include <algorithm>
#include <atomic>
#include <cstdint>

#include "base/gauge.h"

namespace weir::stats {

// Raises `highest` to `value` if it is lower.
template <class T>
void raise(std::atomic<T>& highest, T value) {
  T seen = highest.load(std::memory_order_relaxed);
  while (seen < value && !highest.compare_exchange_weak(seen, value, std::memory_order_relaxed)) {
  }
}

// Events per second over a sliding second. Times are monotonic milliseconds (Loop::now, and monotonic_ms elsewhere).
class Rate {
 public:
  void add(uint64_t now_ms, uint32_t n = 1) {
    auto second = static_cast<uint32_t>(now_ms / 1000);
    uint32_t seen = second_.load(std::memory_order_relaxed);
    if (seen != second) turn(seen, second);
    raise(max_, current_.fetch_add(n, std::memory_order_relaxed) + n);
  }
  uint32_t read(uint64_t now_ms) const {
    auto second = static_cast<uint32_t>(now_ms / 1000);
    uint32_t seen = second_.load(std::memory_order_relaxed);
    uint32_t current = current_.load(std::memory_order_relaxed), before = before_.load(std::memory_order_relaxed);
    if (second != seen) {
      before = second == seen + 1 ? current : 0;
      current = 0;
    }
    if (before <= 1 && current == 0) return before;
    return current + static_cast<uint32_t>(uint64_t{before} * (1000 - now_ms % 1000) / 1000);
  }
  uint32_t max() const { return max_.load(std::memory_order_relaxed); }
  void clear_max() { max_.store(0, std::memory_order_relaxed); }

 private:
  void turn(uint32_t seen, uint32_t second) {
    if (!second_.compare_exchange_strong(seen, second, std::memory_order_relaxed)) return;
    uint32_t last = current_.exchange(0, std::memory_order_relaxed);
    before_.store(second == seen + 1 ? last : 0, std::memory_order_relaxed);
  }
  std::atomic<uint32_t> second_{0};
  std::atomic<uint32_t> current_{0};
  std::atomic<uint32_t> before_{0};
  std::atomic<uint32_t> max_{0};
};

// One kind of time in milliseconds: the mean of about the last 1024 values, and the longest.
class Mean {
 public:
  void add(uint64_t ms) {
    auto value = static_cast<uint32_t>(std::min<uint64_t>(ms, UINT32_MAX / kWindow));
    uint32_t sum = sum_.load(std::memory_order_relaxed);
    sum_.store(sum - (sum + kWindow - 1) / kWindow + value, std::memory_order_relaxed);
    if (value > max_.load(std::memory_order_relaxed)) max_.store(value, std::memory_order_relaxed);
  }
  // `count`: values that were ever added; fewer than a window divide by their number.
  uint32_t read(uint64_t count) const {
    auto window = static_cast<uint32_t>(std::clamp<uint64_t>(count, 1, kWindow));
    return (sum_.load(std::memory_order_relaxed) + window - 1) / window;
  }
  uint32_t max() const { return max_.load(std::memory_order_relaxed); }
  void clear_max() { max_.store(0, std::memory_order_relaxed); }
  void clear() {
    sum_.store(0, std::memory_order_relaxed);
    clear_max();
  }

 private:
  static constexpr uint32_t kWindow = 1024;
  std::atomic<uint32_t> sum_{0};
  std::atomic<uint32_t> max_{0};
};

// What the requests to a server or pool spent their time on.
struct Times {
  Mean queue;
  Mean connect;
  Mean response;
  Mean total;
};

// Connections from clients.
struct Connections {
  Gauge current;
  std::atomic<int64_t> max_current{0};
  std::atomic<uint64_t> total{0};
  Rate rate;

  void opened(uint64_t now_ms) {
    raise(max_current, int64_t{current.up()});
    total.fetch_add(1, std::memory_order_relaxed);
    rate.add(now_ms);
  }
  void closed() { current.down(); }  // ordered against Acceptor::pause
};

uint64_t monotonic_ms();

}  // namespace weir::stats
