// nginx's random (ngx_http_upstream_random_module): a server by its weight, or the better one of two. After kTries servers
// that could not be used, round robin decides.
#include <memory>

#include "balance/alias.h"
#include "balance/expected_time.h"
#include "balance/methods.h"
#include "net/loop.h"

namespace weir::model {
namespace {

constexpr int kTries = 20;

template <Draw kDraw>
class Random final : public Balancer {
  static constexpr bool kTimed = kDraw == Draw::two_header_time || kDraw == Draw::two_last_byte;
  static constexpr bool kLastByte = kDraw == Draw::two_last_byte;

 public:
  explicit Random(const Pool& pool) : Balancer({.ends = kTimed}), round_robin_(make_smooth_round_robin(pool)) {}
  Str name() const override { return "random"; }

  const Server* pick(const Pool& pool, proxy::Transaction& txn, const Tried& tried) override {
    const Server* s = drawn(pool, net::Loop::current().now(), tried);
    return s ? s : round_robin_->pick(pool, txn, tried);
  }

  void ended(const Server& server, const TryEnd& end) override {
    if constexpr (kTimed) add_times(server, end);
  }

 private:
  const Server* drawn(const Pool& pool, uint64_t now, const Tried& tried) {
    PickLock lock(pool);
    const Lineup& l = lineup(pool, now);
    if (l.version != version_) follow(pool, l);
    if (!draws_) return nullptr;
    const uint64_t bits = random_bits();  // one number is enough for two draws
    if constexpr (kDraw != Draw::one)
      if (const Server* s = of_two(bits, now, tried)) return s;
    return of_many(bits, now, tried);
  }

  [[gnu::noinline]] void follow(const Pool& pool, const Lineup& l) {
    alias_.follow(l.active);
    draws_ = pool.servers.size() > 1 && !alias_.empty();
    version_ = l.version;
  }

  // What of_many() gives when the first two draws can be used and nothing about them needs a closer look, as mostly.
  const Server* of_two(uint64_t bits, uint64_t now, const Tried& tried) const {
    const Server& a = alias_.at(static_cast<uint32_t>(bits));
    const Server& b = alias_.at(static_cast<uint32_t>(bits >> 32));
    if (&a == &b || tried.count || a.limits.vary() || b.limits.vary()) return nullptr;
    const int32_t m = a.state->current.read(), n = b.state->current.read();
    if (at_plain_limit(a, m) || at_plain_limit(b, n)) return nullptr;
    if constexpr (kTimed)
      if (may_be_idle(a, now, seen(a)) || may_be_idle(b, now, seen(b))) return nullptr;
    return lighter(plain_load(a, m), plain_weight(a), plain_load(b, n), plain_weight(b)) ? &b : &a;
  }

  static bool at_plain_limit(const Server& s, int32_t n) {
    const int32_t limit = s.state->max_conns.load(std::memory_order_relaxed);
    return limit && n >= limit;
  }
  static uint64_t plain_load(const Server& s, int32_t n) {
    if constexpr (!kTimed) return requests(n);
    const Latency& l = s.state->latency;
    return expected_time(expected_steps((kLastByte ? l.total_ms : l.header_ms).load(std::memory_order_relaxed)),
                         requests(n));
  }
  static uint64_t plain_weight(const Server& s) {
    return static_cast<uint64_t>(s.state->weight.load(std::memory_order_relaxed));
  }
  static uint64_t seen(const Server& s) { return s.state->latency.seen_ms.load(std::memory_order_relaxed); }

  [[gnu::noinline]] const Server* of_many(uint64_t bits, uint64_t now, const Tried& tried) const {
    const Server* first = nullptr;
    uint64_t least = 0;
    for (int i = 0; i <= kTries; i++) {
      if (i) bits = i & 1 ? bits >> 32 : random_bits();
      const Server* s = &alias_.at(static_cast<uint32_t>(bits));
      if (kDraw == Draw::one) {
        if (takes(*s, tried)) return s;
        continue;
      }
      int32_t n = s->state->current.read();
      if (s == first || tried.has(s->slot) || at_limit(*s, n)) continue;
      uint64_t own = load(*s, n, now);
      if (first) return &better(*first, least, *s, own, now);
      first = s;
      least = own;
    }
    return first;
  }

  // Whether the second one of two has less to do for its weight, or as much.
  static bool lighter(uint64_t load_a, uint64_t weight_a, uint64_t load_b, uint64_t weight_b) {
    return load_b * weight_a <= load_a * weight_b;
  }

  static const Server& better(const Server& a, uint64_t load_a, const Server& b, uint64_t load_b, uint64_t now) {
    const Server& s = lighter(load_a, weight(a), load_b, weight(b)) ? b : a;
    if constexpr (kTimed) seen_at_work(s, now);
    return s;
  }

  static uint64_t load(const Server& s, int32_t n, uint64_t now) {
    if constexpr (kTimed) return expected_time(expected_alone(s, kLastByte, 0, now), requests(n));
    return requests(n);
  }
  static uint32_t requests(int32_t n) { return static_cast<uint32_t>(std::max(0, n)); }
  static uint64_t weight(const Server& s) { return static_cast<uint64_t>(share_of(s)); }

  std::unique_ptr<Balancer> round_robin_;
  Alias alias_;
  bool draws_ = false;  // there is a choice
  uint64_t version_ = 0;
};

}  // namespace

Balancer* make_random(const Pool& pool, Draw draw) {
  switch (draw) {
    case Draw::one: return new Random<Draw::one>(pool);
    case Draw::two_least_conn: return new Random<Draw::two_least_conn>(pool);
    case Draw::two_header_time: return new Random<Draw::two_header_time>(pool);
    case Draw::two_last_byte: return new Random<Draw::two_last_byte>(pool);
  }
  return nullptr;
}

}  // namespace weir::model
