// `balance leastconn`: the server with the fewest requests for its weight. Under HAProxy's face loads are compared and equals
// take turns as in lb_fwlc: an idle server goes before all others, and one request more is counted than there is, so that
// weights tell before the second request. Under weir's own, requests are divided by weight and the first of equals is taken.
#include "balance/load_order.h"
#include "balance/methods.h"
#include "net/loop.h"

namespace weir::model {
namespace {

struct Load {
  bool plain;  // no request more is counted than there is

  uint64_t operator()(const Server&, int32_t share, int32_t n) const {
    auto requests = static_cast<uint64_t>(n), w = static_cast<uint64_t>(share);
    if (plain) return (requests << 24) / w;
    return n ? (requests + 1) * 256 * kShares / w : 0;
  }
};

class Leastconn final : public Balancer {
 public:
  Leastconn(const Pool& pool, LeastRules rules)
      : Balancer({.ends = true}),
        rules_(rules),
        order_(pool.servers.size(), rules.first_of_equals ? LoadOrder::Ties::first : LoadOrder::Ties::oldest) {}
  Str name() const override { return "leastconn"; }

  const Server* pick(const Pool& pool, proxy::Transaction&, const Tried& tried) override {
    uint64_t now = net::Loop::current().now();
    PickLock lock(pool);
    const Lineup& l = lineup(pool, now);
    Places places = places_in_charge(l, rules_.all_backups);
    if (l.version != version_) {
      order_.follow(places, load());
      version_ = l.version;
    }
    auto free = [&](uint16_t i, int32_t n) {
      const Server& s = *pool.servers[i];
      return !at_limit(s, n) || takes_to_wait(s, s.state->current.read());
    };
    auto other = [&](uint16_t i, int32_t n) { return i != tried.last && free(i, n); };
    uint16_t slot = order_.take(pool, places, load(), other);
    if (slot == Tried::kNone && tried.count) slot = order_.take(pool, places, load(), free);
    return slot == Tried::kNone ? nullptr : pool.servers[slot];
  }

  bool awaits(const Server& server, const proxy::Transaction&) const override { return server.limits.max_queue > 0; }

  void ended(const Server& server, const TryEnd&) override {
    PickLock lock(*server.pool);
    order_.look(server, load());
  }

  void grow(size_t slots) override { order_.grow(slots); }

 private:
  Load load() const { return {rules_.first_of_equals}; }

  const LeastRules rules_;
  LoadOrder order_;
  uint64_t version_ = 0;
};

}  // namespace

Balancer* make_leastconn(const Pool& pool, LeastRules rules) {
  return new Leastconn(pool, rules);
}

}  // namespace weir::model
