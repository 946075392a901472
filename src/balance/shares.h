#pragma once
// What nginx's hash methods choose from: all servers but the backups, those that are away included, so that a server that
// comes back gets its keys back. A number modulo the sum of weights is a server.
#include <vector>

#include "balance/lineup.h"

namespace weir::model {

class Shares {
 public:
  // Brings it to the state that `lineup` was made from.
  void follow(const Pool& pool, const Lineup& l) {
    if (made_ && seen_ == l.seen && version_ == l.version) return;
    ends_.clear();
    slots_.clear();
    here_.assign(pool.servers.size(), 0);
    uint32_t sum = 0;
    for (const Server* s : pool.servers) {
      int32_t weight = s->state->weight.load(std::memory_order_relaxed);
      if (s->backup || s->absent() || weight <= 0) continue;
      ends_.push_back(sum += static_cast<uint32_t>(weight));
      slots_.push_back(s->slot);
    }
    for (const Lineup::Place& p : l.active) here_[p.server->slot] = 1;
    made_ = true;
    seen_ = l.seen;
    version_ = l.version;
  }
  // Whether it can be picked, limits apart.
  bool here(uint16_t slot) const { return here_[slot]; }
  // The first server that takes the try, by the numbers that next(0), next(1) … give; null after kTries more than were tried.
  template <class Next>
  const Server* find(const Pool& pool, const Tried& tried, Next next) const {
    for (int i = 0; i <= kTries + tried.count && several(); i++) {
      const Server* s = pool.servers[at(next(i))];
      if (here_[s->slot] && takes(*s, tried)) return s;
    }
    return nullptr;
  }

 private:
  static constexpr int kTries = 20;  // servers that could not be used; then round robin decides
  // Several servers: a choice.
  bool several() const { return slots_.size() > 1; }
  uint16_t at(uint32_t number) const {
    uint32_t point = number % ends_.back();
    const uint32_t* base = ends_.data();
    for (size_t n = ends_.size(); n > 1;) {
      size_t half = n / 2;
      base += base[half - 1] <= point ? half : 0;
      n -= half;
    }
    return slots_[static_cast<size_t>(base - ends_.data())];
  }
  std::vector<uint32_t> ends_;
  std::vector<uint16_t> slots_;
  std::vector<uint8_t> here_;  // by slot
  bool made_ = false;
  uint64_t seen_ = 0;
  uint64_t version_ = 0;
};

}  // namespace weir::model
