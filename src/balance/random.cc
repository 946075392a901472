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

class Random final : public Balancer {
 public:
  Random(const Pool& pool, Draw draw)
      : Balancer({.ends = draw == Draw::two_header_time || draw == Draw::two_last_byte}),
        round_robin_(make_smooth_round_robin(pool)),
        draw_(draw) {}
  Str name() const override { return "random"; }

  const Server* pick(const Pool& pool, proxy::Transaction& txn, const Tried& tried) override {
    const Server* s = pool.servers.size() > 1 ? drawn(pool, net::Loop::current().now(), tried) : nullptr;
    return s ? s : round_robin_->pick(pool, txn, tried);
  }

  void ended(const Server& server, const TryEnd& end) override { add_times(server, end); }

 private:
  const Server* drawn(const Pool& pool, uint64_t now, const Tried& tried) {
    PickLock lock(pool);
    const Lineup& l = lineup(pool, now);
    if (l.version != version_) {
      alias_.follow(l.active);
      version_ = l.version;
    }
    if (alias_.empty()) return nullptr;
    const uint64_t bits = random_bits();  // one number is enough for two draws
    const Server* s = draw_ == Draw::one ? nullptr : of_two(bits, now, tried);
    return s ? s : of_many(bits, now, tried);
  }

  // What of_many() gives when the first two draws can be used, as they mostly can.
  const Server* of_two(uint64_t bits, uint64_t now, const Tried& tried) {
    const Server& a = alias_.at(static_cast<uint32_t>(bits));
    const Server& b = alias_.at(static_cast<uint32_t>(bits >> 32));
    const int32_t m = a.state->current.read(), n = b.state->current.read();
    if (&a == &b || tried.count || at_limit(a, m) || at_limit(b, n)) return nullptr;
    return &better(a, load(a, m, now), b, load(b, n, now), now);
  }

  const Server* of_many(uint64_t bits, uint64_t now, const Tried& tried) {
    const Server* first = nullptr;
    uint64_t least = 0;
    for (int i = 0; i <= kTries; i++) {
      if (i) bits = i & 1 ? bits >> 32 : random_bits();
      const Server* s = &alias_.at(static_cast<uint32_t>(bits));
      if (draw_ == Draw::one) {
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

  const Server& better(const Server& a, uint64_t load_a, const Server& b, uint64_t load_b, uint64_t now) const {
    const Server& s = load_b * weight(a) <= load_a * weight(b) ? b : a;
    if (wishes.ends) seen_at_work(s, now);
    return s;
  }

  uint64_t load(const Server& s, int32_t n, uint64_t now) const {
    if (wishes.ends) return expected_time(s, draw_ == Draw::two_last_byte, 0, now, n);
    return static_cast<uint64_t>(std::max(0, n));
  }
  static uint64_t weight(const Server& s) { return static_cast<uint64_t>(share_of(s)); }

  std::unique_ptr<Balancer> round_robin_;
  const Draw draw_;
  Alias alias_;
  uint64_t version_ = 0;
};

}  // namespace

Balancer* make_random(const Pool& pool, Draw draw) {
  return new Random(pool, draw);
}

}  // namespace weir::model
