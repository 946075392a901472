#pragma once
// Servers by load, the least on top. A load that has changed without a word (another process's requests) is found when the
// server comes to the top, or by the look at one server that every fourth pick takes.
#include <algorithm>

#include "balance/heap.h"
#include "balance/lineup.h"

namespace weir::model {

class LoadOrder {
 public:
  // Who goes first among equals: whoever has waited longest, the first in the configuration, or each by its weight.
  enum class Ties : uint8_t { oldest, first, by_weight };

  LoadOrder(size_t slots, Ties ties) : ties_(ties), marks_(slots) { heap_.reset(slots); }

  // `load(server, share, n)`: its load with `n` requests. A smaller one is better. Where load.view(server) is there, it is what of
  // the server counts, looked at once for several `n`: load(view, share, n).
  template <class Load>
  void follow(Places places, const Load& load) {
    heap_.reset(marks_.size());
    look_ = 0;
    for (const Lineup::Place& p : places) {
      Mark& m = marks_[p.server->slot];
      m.share = p.share;
      if (m.turn < clock_) m.turn = clock_;
      put(p.server->slot, load(view(load, *p.server), p.share, requests(*p.server)));
    }
  }

  // The least loaded one that `takes(slot, n)` with its `n` requests, which is thought to get one more; kNone: there is none.
  template <class Load, class Takes>
  uint16_t take(const Pool& pool, Places places, const Load& load, Takes takes) {
    if (places.empty()) return Tried::kNone;
    if ((++picks_ & 3) == 0) {
      look_ = look_ + 1 < places.size() ? look_ + 1 : 0;
      look(*places[look_].server, load);
    }
    passed_.clear();
    uint16_t found = Tried::kNone;
    while (found == Tried::kNone && !heap_.empty()) {
      uint16_t slot = heap_.top();
      const Server& s = *pool.servers[slot];
      const auto& seen = view(load, s);
      int32_t n = requests(s);
      if (settle(slot, load(seen, marks_[slot].share, n))) continue;
      if (takes(slot, n)) {
        found = slot;
        took(slot, load(seen, marks_[slot].share, n + 1));
      } else {
        passed_.push_back({heap_.top_key(), slot});
        heap_.remove(slot);
      }
    }
    for (const Passed& p : passed_) heap_.set(p.slot, p.key);
    return found;
  }

  void grow(size_t slots) {
    marks_.resize(slots);
    heap_.grow(slots);
  }

  // Its load may have changed.
  template <class Load>
  void look(const Server& s, const Load& load) {
    if (heap_.has(s.slot)) settle(s.slot, load(view(load, s), marks_[s.slot].share, requests(s)));
  }

 private:
  static constexpr uint32_t kRound = 1 << 16;
  static constexpr uint32_t kLast = 1 << 23;
  struct Mark {
    uint32_t turn = 0;  // by_weight: the server's time
    int32_t share = 1;
    uint64_t load = 0;
  };
  struct Passed {
    uint64_t key;
    uint16_t slot;
  };

  // Those that wait for it alone count as well.
  static int32_t requests(const Server& s) {
    return std::max(0, s.state->current.read() + (s.limits.max_queue ? s.state->queued.read() : 0));
  }
  template <class Load>
  static decltype(auto) view(const Load& load, const Server& s) {
    if constexpr (requires { load.view(s); })
      return load.view(s);
    else
      return (s);
  }
  // Whether the load was another one.
  bool settle(uint16_t slot, uint64_t load) {
    if (load == marks_[slot].load) return false;
    put(slot, load);
    return true;
  }
  void put(uint16_t slot, uint64_t load) {
    uint64_t turn = ties_ == Ties::oldest ? ++order_ : ties_ == Ties::first ? slot : marks_[slot].turn;
    marks_[slot].load = load;
    heap_.set(slot, ranked(load, turn));
  }
  void took(uint16_t slot, uint64_t load) {
    Mark& m = marks_[slot];
    if (ties_ == Ties::by_weight) {
      clock_ = std::max(clock_, m.turn);
      m.turn = clock_ + kRound / static_cast<uint32_t>(m.share);
      if (clock_ > kLast) begin_anew();
    }
    put(slot, load);
  }

  // Turns have become too large for the keys: those that are in it follow with their next change.
  void begin_anew() {
    for (Mark& m : marks_) m.turn -= std::min(m.turn, clock_);
    clock_ = 0;
  }

  const Ties ties_;
  SlotHeap heap_;
  std::vector<Mark> marks_;  // by slot
  std::vector<Passed> passed_;
  size_t look_ = 0;
  uint32_t picks_ = 0;
  uint32_t clock_ = 0;
  uint64_t order_ = 0;
};

}  // namespace weir::model
