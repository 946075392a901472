// HAProxy's `balance roundrobin`: each server in turn in proportion to its weight, smooth over time, weights may change
// while it runs. Backup servers serve when no other is usable: the first usable one, or all with `option allbackups`.
#include <memory>

#include "balance/balancer.h"
#include "net/loop.h"

namespace weir::model {
namespace {

class RoundRobin final : public Balancer {
 public:
  RoundRobin(const Pool& pool, bool all_backups)
      : next_(new uint64_t[pool.servers.size]()), all_backups_(all_backups) {}
  Str name() const override { return "roundrobin"; }

  const Server* pick(const Pool& pool, proxy::Transaction&, const Tried& tried) override {
    uint64_t now = net::Loop::current().now();
    PickLock lock(pool);
    if (const Server* s = pick_any(pool, tried, now)) return s;
    // Everybody was tried: a retry may go to one of them again.
    return pick_any(pool, Tried{}, now);
  }

 private:
  // Each server waits kRound/weight after a turn; whoever's time is first has the next one. A server that comes back
  // starts at the present, so it does not get all it missed at once.
  static constexpr uint64_t kRound = 1 << 20;
  const Server* pick_any(const Pool& pool, const Tried& tried, uint64_t now) {
    if (const Server* s = pick_among(pool, tried, now, false)) return s;
    if (!needs_backup(pool, now)) return nullptr;
    if (all_backups_) return pick_among(pool, tried, now, true);
    for (const Server* s : pool.servers)
      if (s->backup && !tried.has(s->slot) && usable(*s, now)) return s;
    return nullptr;
  }
  const Server* pick_among(const Pool& pool, const Tried& tried, uint64_t now, bool backup) {
    const Server* best = nullptr;
    for (const Server* s : pool.servers) {
      if (s->backup != backup || tried.has(s->slot) || !usable(*s, now)) continue;
      if (s->state->weight.load(std::memory_order_relaxed) <= 0) continue;
      if (next_[s->slot] < clock_) next_[s->slot] = clock_;
      if (!best || next_[s->slot] < next_[best->slot]) best = s;
    }
    if (!best) return nullptr;
    clock_ = next_[best->slot];
    next_[best->slot] += kRound / static_cast<uint64_t>(best->state->weight.load(std::memory_order_relaxed));
    return best;
  }
  std::unique_ptr<uint64_t[]> next_;
  uint64_t clock_ = 0;
  bool all_backups_;
};

}  // namespace

Balancer* make_haproxy_round_robin(const Pool& pool, bool all_backups) {
  return new RoundRobin(pool, all_backups);
}

}  // namespace weir::model
