// nginx's smooth weighted round robin: every server's current weight grows by its weight, the largest is picked and loses the
// sum. Counts follow the weights and runs of one server are avoided (5:1:1 gives A A B A C A A). Servers that are away
// neither grow nor lose, as in ngx_http_upstream_round_robin.c. Large pools take turns (balance/turns.h).
#include <optional>

#include "balance/balancer.h"
#include "balance/lineup.h"
#include "balance/smooth.h"
#include "balance/turns.h"
#include "net/loop.h"

namespace weir::model {
namespace {

class SmoothRoundRobin final : public Balancer {
 public:
  explicit SmoothRoundRobin(const Pool& pool) : current_(pool.servers.size()) {
    if (pool.servers.size() <= kLookThrough) return;
    for (auto& turns : turns_) turns.emplace(pool.servers.size());
  }
  Str name() const override { return "round_robin"; }

  const Server* pick(const Pool& pool, proxy::Transaction&, const Tried& tried) override {
    uint64_t now = net::Loop::current().now();
    if (pool.servers.size() == 1) return lone(*pool.servers[0], tried);
    PickLock lock(pool);
    const Lineup& l = lineup(pool, now);
    if (turns_[0] && l.version != version_) {
      turns_[0]->follow(l.active);
      turns_[1]->follow(l.backup);
      version_ = l.version;
    }
    if (const Server* s = pick_among(pool, l.active, 0, tried)) return s;
    return l.backup.empty() ? nullptr : pick_among(pool, l.backup, 1, tried);
  }

  void taken(const Pool& pool, const Server& server) override {
    if (turns_[0] || pool.servers.size() == 1) return;
    PickLock lock(pool);
    const Lineup& l = lineup(pool, net::Loop::current().now());
    pay_for_turn(server.backup ? l.backup : l.active, current_, server,
                 server.state->weight.load(std::memory_order_relaxed));
  }

 private:
  // Passive health is not counted for a lone server: leaving it out would help nobody.
  static const Server* lone(const Server& only, const Tried& tried) {
    const ServerState& s = *only.state;
    bool lost = only.without_address();
    bool off = lost || s.admin.load(std::memory_order_relaxed) || !s.up.load(std::memory_order_relaxed) ||
               s.stopping.load(std::memory_order_relaxed);
    return off || at_limit(only) || tried.has(0) ? nullptr : &only;
  }

  const Server* pick_among(const Pool& pool, Places places, size_t group, const Tried& tried) {
    if (turns_[group]) {
      uint16_t slot = turns_[group]->take([&](uint16_t i) { return takes(*pool.servers[i], tried); });
      return slot == Tried::kNone ? nullptr : pool.servers[slot];
    }
    return pick_smoothly(places, current_, [&](const Lineup::Place& p) { return takes(*p.server, tried); });
  }

  std::vector<int64_t> current_;  // by slot
  std::optional<Turns> turns_[2];  // active servers, backups
  uint64_t version_ = 0;
};

}  // namespace

Balancer* make_smooth_round_robin(const Pool& pool) {
  return new SmoothRoundRobin(pool);
}

}  // namespace weir::model
