#pragma once
// HAProxy's close-spread-time: the connections that a draining shard ends do not end at once but over a time, so that their clients
// do not come back all together. One for each shard, on its thread.
#include <cstdint>
#include <random>

namespace weir::proxy {

class Spread {
 public:
  static constexpr uint64_t kTickMs = 50;

  // `ms`: as model::Process::close_spread.
  void begin(uint32_t ms, uint64_t now);
  // Idle connections are not to be closed at once: within the time by ticks, or never.
  bool on() const { return ms_ != 0; }
  bool ticks() const;
  // Whether a connection may end with the answer that is given now: the likelier the less time is left.
  bool ends_now(uint64_t now);
  // Whether an idle one ends in this tick, so that in each tick equally many do.
  bool ends_in_tick(uint64_t now);

 private:
  uint64_t below(uint64_t limit);

  uint32_t ms_ = 0;
  uint64_t end_ = 0;
  std::minstd_rand random_{std::random_device{}()};
};

}  // namespace weir::proxy
