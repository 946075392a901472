#pragma once
// Drawing servers at random by weight in constant time (Walker's alias method), and the generator for it.
#include <cstdint>
#include <random>
#include <vector>

#include "balance/lineup.h"

namespace weir::model {

inline constinit thread_local uint64_t t_random_state = 0;

[[gnu::cold, gnu::noinline]] inline uint64_t random_seed() {
  return uint64_t{std::random_device{}()} << 32 | std::random_device{}() | 1;
}

// 64 bits of this thread's generator (xorshift64*): quick, and good enough to spread requests.
inline uint64_t random_bits() {
  uint64_t x = t_random_state;
  if (!x) [[unlikely]]
    x = random_seed();
  x ^= x >> 12;
  x ^= x << 25;
  x ^= x >> 27;
  t_random_state = x;
  return x * 0x2545F4914F6CDD1D;
}

class Alias {
 public:
  void follow(Places places) {
    size_t n = places.size();
    columns_.resize(n);
    count_ = n;
    double sum = 0;
    for (const Lineup::Place& p : places) sum += p.share;
    // Each column holds the whole of 2^32; who has more than that fills up who has less.
    std::vector<uint64_t> left(n);
    std::vector<size_t> small, large;
    for (size_t i = 0; i < n; i++) {
      left[i] = static_cast<uint64_t>(static_cast<double>(kWhole) * places[i].share / sum * static_cast<double>(n));
      columns_[i] = {UINT32_MAX, places[i].server, places[i].server};
      (left[i] < kWhole ? small : large).push_back(i);
    }
    while (!small.empty() && !large.empty()) {
      size_t less = small.back(), more = large.back();
      small.pop_back();
      columns_[less].share = static_cast<uint32_t>(left[less]);
      columns_[less].other = places[more].server;
      left[more] -= kWhole - left[less];
      if (left[more] >= kWhole) continue;
      large.pop_back();
      small.push_back(more);
    }
  }
  bool empty() const { return columns_.empty(); }
  // The server that 32 random bits stand for: a column, and with what is left of them the place in it.
  const Server& at(uint32_t bits) const {
    const uint64_t place = uint64_t{bits} * count_;
    const Column& c = columns_[place >> 32];
    return static_cast<uint32_t>(place) <= c.share ? *c.own : *c.other;
  }

 private:
  static constexpr uint64_t kWhole = 1ull << 32;
  struct Column {
    uint32_t share;  // of `own`
    const Server* own;
    const Server* other;
  };
  std::vector<Column> columns_;
  uint64_t count_ = 0;
};

}  // namespace weir::model
