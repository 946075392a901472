// HAProxy's `balance first` (lb_fas): the first server that is not full, in the order of their ids. One bit for each says
// whether it had a place when that was last known; a place that another process gave back is found by the look at one
// server that every pick takes.
#include <algorithm>
#include <bit>

#include "balance/lineup.h"
#include "balance/methods.h"
#include "net/loop.h"

namespace weir::model {
namespace {

class First final : public Balancer {
 public:
  First(const Pool& pool, bool all_backups)
      : Balancer({.ends = true}), ranks_(pool.servers.size(), kNoRank), all_backups_(all_backups) {}
  Str name() const override { return "first"; }

  const Server* pick(const Pool& pool, proxy::Transaction&, const Tried& tried) override {
    uint64_t now = net::Loop::current().now();
    PickLock lock(pool);
    const Lineup& l = lineup(pool, now);
    if (l.version != version_) follow(l);
    if (order_.empty()) return nullptr;
    look_ = look_ + 1 < order_.size() ? look_ + 1 : 0;
    if (!at_limit(*order_[look_])) open(look_);
    const Server* avoided = nullptr;
    for (size_t word = 0; word < places_.size(); word++)
      for (uint64_t left = places_[word]; left; left &= left - 1) {
        auto bit = static_cast<size_t>(std::countr_zero(left));
        const Server* s = order_[word * 64 + bit];
        if (at_limit(*s))
          places_[word] &= ~(1ull << bit);
        else if (s->slot == tried.last)
          avoided = s;
        else
          return s;
      }
    return avoided;
  }

  void ended(const Server& server, const TryEnd&) override {
    if (!server.state->max_conns.load(std::memory_order_relaxed)) return;
    PickLock lock(*server.pool);
    if (ranks_[server.slot] != kNoRank) open(ranks_[server.slot]);
  }

  void grow(size_t slots) override { ranks_.resize(slots, kNoRank); }

 private:
  static constexpr uint16_t kNoRank = UINT16_MAX;
  void open(size_t rank) { places_[rank / 64] |= 1ull << (rank % 64); }

  void follow(const Lineup& l) {
    order_.clear();
    for (const Lineup::Place& p : places_in_charge(l, all_backups_)) order_.push_back(p.server);
    std::stable_sort(order_.begin(), order_.end(), [](auto* a, auto* b) { return a->number < b->number; });
    std::fill(ranks_.begin(), ranks_.end(), kNoRank);
    places_.assign((order_.size() + 63) / 64, 0);
    for (size_t i = 0; i < order_.size(); i++) {
      ranks_[order_[i]->slot] = static_cast<uint16_t>(i);
      open(i);
    }
    look_ = 0;
    version_ = l.version;
  }

  std::vector<const Server*> order_;
  std::vector<uint16_t> ranks_;  // by slot
  std::vector<uint64_t> places_;  // bits by rank
  size_t look_ = 0;
  uint64_t version_ = 0;
  const bool all_backups_;
};

}  // namespace

Balancer* make_first(const Pool& pool, bool all_backups) {
  return new First(pool, all_backups);
}

}  // namespace weir::model
