// nginx's least_conn (ngx_http_upstream_least_conn_module): requests divided by weight are compared, and smooth weighted
// round robin decides between equals; in large pools they take turns by weight.
#include <optional>

#include "balance/load_order.h"
#include "balance/methods.h"
#include "balance/smooth.h"
#include "balance/turns.h"
#include "net/loop.h"

namespace weir::model {
namespace {

class LeastConn final : public Balancer {
 public:
  explicit LeastConn(const Pool& pool)
      : Balancer({.ends = pool.servers.size() > kLookThrough}),
        current_(pool.servers.size()),
        seen_(pool.servers.size()) {
    if (pool.servers.size() <= kLookThrough) return;
    for (auto& order : orders_) order.emplace(pool.servers.size(), LoadOrder::Ties::by_weight);
  }
  Str name() const override { return "least_conn"; }

  const Server* pick(const Pool& pool, proxy::Transaction&, const Tried& tried) override {
    uint64_t now = net::Loop::current().now();
    PickLock lock(pool);
    const Lineup& l = lineup(pool, now);
    if (orders_[0] && l.version != version_) {
      orders_[0]->follow(l.active, load);
      orders_[1]->follow(l.backup, load);
      version_ = l.version;
    }
    if (const Server* s = pick_among(pool, l.active, 0, tried)) return s;
    return l.backup.empty() ? nullptr : pick_among(pool, l.backup, 1, tried);
  }

  void ended(const Server& server, const TryEnd&) override {
    PickLock lock(*server.pool);
    if (auto& order = orders_[server.backup]) order->look(server, load);
  }

 private:
  static uint64_t load(const Server&, int32_t share, int32_t n) {
    return (static_cast<uint64_t>(n) << 24) / static_cast<uint64_t>(share);
  }

  const Server* pick_among(const Pool& pool, Places places, size_t group, const Tried& tried) {
    if (auto& order = orders_[group]) {
      uint16_t slot = order->take(
          pool, places, load, [&](uint16_t i, int32_t n) { return !tried.has(i) && !at_limit(*pool.servers[i], n); });
      return slot == Tried::kNone ? nullptr : pool.servers[slot];
    }
    const Lineup::Place* least = nullptr;
    int64_t fewest = 0;
    for (const Lineup::Place& p : places) {
      int32_t current = p.server->state->current.read();
      bool away = tried.has(p.server->slot) || at_limit(*p.server, current);
      int64_t n = seen_[p.server->slot] = away ? kAway : std::max(0, current);
      if (n == kAway || (least && n * least->share >= fewest * p.share)) continue;
      least = &p;
      fewest = n;
    }
    return least ? pick_equal(places, *least, fewest) : nullptr;
  }

  const Server* pick_equal(Places places, const Lineup::Place& least, int64_t fewest) {
    return pick_smoothly(places, current_, [&](const Lineup::Place& p) {
      int64_t n = seen_[p.server->slot];
      return n != kAway && n * least.share == fewest * p.share;
    });
  }

  static constexpr int64_t kAway = -1;
  std::vector<int64_t> current_;  // by slot
  std::vector<int64_t> seen_;  // requests at this pick
  std::optional<LoadOrder> orders_[2];  // active servers, backups
  uint64_t version_ = 0;
};

}  // namespace

Balancer* make_least_conn(const Pool& pool) {
  return new LeastConn(pool);
}

}  // namespace weir::model
