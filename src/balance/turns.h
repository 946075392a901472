#pragma once
// Turns by weight: a server waits 1/weight of a round after each turn, and whoever's time comes first is next. One that
// comes back starts at the present, so that it does not get all it missed at once. Used where a pool is too large to be
// looked through for every request.
#include <algorithm>

#include "balance/heap.h"
#include "balance/lineup.h"

namespace weir::model {

// Pools up to this size are looked through, which gives exactly nginx's order.
inline constexpr size_t kLookThrough = 32;

class Turns {
 public:
  // Where the time begins anew. It stays below 2^48 with the longest wait, as it has to for the keys.
  static constexpr uint64_t kLast = uint64_t{1} << 47;

  // `start`: the time that it begins at.
  explicit Turns(size_t slots, uint64_t start = 0) : next_(slots), weights_(slots), clock_(start) {
    heap_.reset(slots);
  }

  void follow(Places places) {
    heap_.reset(next_.size());
    for (const Lineup::Place& p : places) {
      uint64_t& next = next_[p.server->slot];
      if (next < clock_) next = clock_;
      weights_[p.server->slot] = static_cast<uint64_t>(p.share);
      put(p.server->slot);
    }
  }

  // The next server that `takes(slot)`, or kNone.
  template <class Takes>
  uint16_t take(Takes takes) {
    passed_.clear();
    uint16_t found = Tried::kNone;
    while (!heap_.empty()) {
      uint16_t slot = heap_.top();
      if (takes(slot)) {
        found = slot;
        break;
      }
      passed_.push_back(slot);
      heap_.remove(slot);
    }
    if (found != Tried::kNone) {
      clock_ = std::max(clock_, next_[found]);
      next_[found] = clock_ + kRound / weights_[found];
      put(found);
    }
    for (uint16_t slot : passed_) put(slot);
    if (clock_ >= kLast) begin_anew();
    return found;
  }

 private:
  static constexpr uint64_t kRound = uint64_t{1} << 36;
  static_assert(kRound > INT32_MAX, "the largest share waits too");

  void put(uint16_t slot) { heap_.set(slot, next_[slot] << 16 | slot); }

  // Those that are away as well: they come back to the present.
  void begin_anew() {
    for (uint64_t& next : next_) next -= std::min(next, clock_);
    clock_ = 0;
    for (size_t slot = 0; slot < next_.size(); slot++)
      if (heap_.has(static_cast<uint16_t>(slot))) put(static_cast<uint16_t>(slot));
  }

  SlotHeap heap_;
  std::vector<uint64_t> next_;  // by slot
  std::vector<uint64_t> weights_;
  std::vector<uint16_t> passed_;
  uint64_t clock_;
};

}  // namespace weir::model
