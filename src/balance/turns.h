#pragma once
// Turns by weight: a server waits 1/weight of a round after each turn, and whoever's time comes first is next. One that
// comes back starts at the present, so that it does not get all it missed at once. Used where a pool is too large to be
// looked through for every request.
#include "balance/heap.h"
#include "balance/lineup.h"

namespace weir::model {

// Pools up to this size are looked through, which gives exactly nginx's order.
inline constexpr size_t kLookThrough = 32;

class Turns {
 public:
  explicit Turns(size_t slots) : next_(slots) { heap_.reset(slots); }

  void follow(Places places) {
    heap_.reset(next_.size());
    for (const Lineup::Place& p : places) {
      uint64_t& next = next_[p.server->slot];
      if (next < clock_) next = clock_;
      put(p.server->slot);
      weights_.resize(next_.size());
      weights_[p.server->slot] = static_cast<uint64_t>(p.share);
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
      passed_.push_back({heap_.top_key(), slot});
      heap_.remove(slot);
    }
    if (found != Tried::kNone) {
      clock_ = next_[found];
      next_[found] += kRound / weights_[found];
      put(found);
    }
    for (const Passed& p : passed_) heap_.set(p.slot, p.key);
    return found;
  }

 private:
  static constexpr uint64_t kRound = 1 << 24;
  struct Passed {
    uint64_t key;
    uint16_t slot;
  };
  void put(uint16_t slot) { heap_.set(slot, next_[slot] << 16 | slot); }

  SlotHeap heap_;
  std::vector<uint64_t> next_;  // by slot
  std::vector<uint64_t> weights_;
  std::vector<Passed> passed_;
  uint64_t clock_ = 0;
};

}  // namespace weir::model
