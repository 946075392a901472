// nginx's least_time (ngx_http_upstream_least_time_module): the server whose answer is expected first for its weight; smooth
// weighted round robin decides between equals, in large pools turns by weight.
#include <optional>

#include "balance/expected_time.h"
#include "balance/load_order.h"
#include "balance/methods.h"
#include "balance/smooth.h"
#include "balance/turns.h"
#include "net/loop.h"

namespace weir::model {
namespace {

class LeastTime final : public Balancer {
 public:
  LeastTime(const Pool& pool, TimeRules rules)
      : Balancer({.ends = true, .heads = rules.inflight && !rules.last_byte}),
        rules_(rules),
        current_(pool.servers.size()),
        seen_(pool.servers.size()) {
    if (pool.servers.size() <= kLookThrough) return;
    for (auto& order : orders_) order.emplace(pool.servers.size(), LoadOrder::Ties::by_weight);
  }
  Str name() const override { return "least_time"; }

  const Server* pick(const Pool& pool, proxy::Transaction&, const Tried& tried) override {
    uint64_t now = net::Loop::current().now();
    PickLock lock(pool);
    now_ = now;
    const Lineup& l = lineup(pool, now_);
    if (orders_[0] && l.version != version_) {
      orders_[0]->follow(l.active, load());
      orders_[1]->follow(l.backup, load());
      version_ = l.version;
    }
    for (size_t group = 0; group < 2; group++) {
      const Places places = group ? l.backup : l.active;
      if (places.empty()) continue;
      if (const Server* s = pick_among(pool, places, group, tried)) {
        took(*s);
        return s;
      }
    }
    return nullptr;
  }

  void taken(const Pool& pool, const Server& server) override {
    uint64_t now = net::Loop::current().now();
    PickLock lock(pool);
    now_ = now;
    took(server);
  }

  void answered(const Server& server, uint64_t header_ms, uint64_t now_ms) override {
    PickLock lock(*server.pool);
    done(server, header_ms, now_ms);
  }

  void ended(const Server& server, const TryEnd& end) override {
    PickLock lock(*server.pool);
    bool is_done = wishes.heads && end.header_ms != TryEnd::kNever;
    if (rules_.inflight && !is_done) done(server, end.total_ms, end.now_ms);
    add_times(server, end);
    now_ = end.now_ms;
    if (auto& order = orders_[server.backup]) order->look(server, load());
  }

 private:
  static constexpr uint64_t kAway = UINT64_MAX;

  struct Load {
    const LeastTime& method;

    uint64_t view(const Server& s) const { return method.alone(s); }
    uint64_t operator()(uint64_t alone, int32_t share, int32_t n) const {
      return (expected_time(alone, static_cast<uint32_t>(n)) << 20) / static_cast<uint64_t>(share);
    }
  };
  Load load() const { return {*this}; }

  uint64_t alone(const Server& s) const { return expected_alone(s, rules_.last_byte, age(s), now_); }

  // Requests that run: their average so far. How many they are, where that counts.
  int32_t age(const Server& s) const {
    Latency& l = s.state->latency;
    int32_t n = rules_.inflight ? l.inflight.read() : 0;
    if (n <= 0) return 0;
    uint64_t since = now_ - std::min(now_, l.changed_ms.load(std::memory_order_relaxed));
    add_to_average(l.inflight_ms, l.inflight_sum.load(std::memory_order_relaxed) / static_cast<uint64_t>(n) + since);
    return n;
  }

  void took(const Server& s) const {
    seen_at_work(s, now_);
    if (!rules_.inflight) return;
    Latency& l = s.state->latency;
    sum_up(l, now_);
    l.inflight.add();
  }

  void done(const Server& s, uint64_t took_ms, uint64_t now) const {
    Latency& l = s.state->latency;
    int32_t n = l.inflight.read();
    if (n <= 0) return;
    sum_up(l, now);
    uint64_t sum = l.inflight_sum.load(std::memory_order_relaxed);
    l.inflight_sum.store(n == 1 ? 0 : sum - std::min(sum, took_ms), std::memory_order_relaxed);
    l.inflight.down();
  }

  // Adds the time that the running requests have spent since this was done last.
  static void sum_up(Latency& l, uint64_t now) {
    auto n = static_cast<uint64_t>(std::max(0, l.inflight.read()));
    uint64_t since = now - std::min(now, l.changed_ms.load(std::memory_order_relaxed));
    if (n) l.inflight_sum.fetch_add(since * n, std::memory_order_relaxed);
    l.changed_ms.store(now, std::memory_order_relaxed);
  }

  const Server* pick_among(const Pool& pool, Places places, size_t group, const Tried& tried) {
    if (auto& order = orders_[group]) {
      uint16_t slot = order->take(
          pool, places, load(), [&](uint16_t i, int32_t n) { return !tried.has(i) && !at_limit(*pool.servers[i], n); });
      return slot == Tried::kNone ? nullptr : pool.servers[slot];
    }
    const Lineup::Place* least = nullptr;
    uint64_t shortest = 0;
    for (const Lineup::Place& p : places) {
      uint64_t& time = seen_[p.server->slot];
      time = kAway;
      int32_t n = p.server->state->current.read();
      if (tried.has(p.server->slot) || at_limit(*p.server, n)) continue;
      time = expected_time(alone(*p.server), static_cast<uint32_t>(std::max(0, n)));
      if (least && time * weight(*least) >= shortest * weight(p)) continue;
      least = &p;
      shortest = time;
    }
    return least ? pick_equal(places, *least, shortest) : nullptr;
  }

  const Server* pick_equal(Places places, const Lineup::Place& least, uint64_t shortest) {
    return pick_smoothly(places, current_, [&](const Lineup::Place& p) {
      uint64_t time = seen_[p.server->slot];
      return time != kAway && time * weight(least) == shortest * weight(p);
    });
  }
  static uint64_t weight(const Lineup::Place& p) { return static_cast<uint64_t>(p.share); }

  const TimeRules rules_;
  std::vector<int64_t> current_;  // by slot
  std::vector<uint64_t> seen_;  // expected times at this pick
  std::optional<LoadOrder> orders_[2];  // active servers, backups
  uint64_t version_ = 0;
  uint64_t now_ = 0;  // of the call that holds the lock
};

}  // namespace

Balancer* make_least_time(const Pool& pool, TimeRules rules) {
  return new LeastTime(pool, rules);
}

}  // namespace weir::model
