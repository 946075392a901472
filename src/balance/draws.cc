// HAProxy's `balance random(N)`: N servers at random by their weights, and of those the one with the fewest requests for its
// weight; of equals the one with fewer requests in the last second. HAProxy draws places on its ring; here each server is drawn
// exactly as often as its weight says.
#include "balance/alias.h"
#include "balance/methods.h"
#include "net/loop.h"

namespace weir::model {
namespace {

class Draws final : public Balancer {
 public:
  Draws(const Pool&, uint32_t draws, RingRules rules) : draws_(draws), rules_(rules) {}
  Str name() const override { return "random"; }

  const Server* pick(const Pool& pool, proxy::Transaction&, const Tried& tried) override {
    const uint64_t now = net::Loop::current().now(), bits = random_bits();  // one number is enough for two draws
    PickLock lock(pool);
    const Lineup& l = lineup(pool, now);
    if (l.version != version_) follow(l);
    if (usual_)
      if (const Server* s = of_two(bits, now, tried)) return s;
    return with_care(pool, l, bits, now, tried);
  }

 private:
  // What of_many() gives of two draws that can be used, as they mostly can.
  const Server* of_two(uint64_t bits, uint64_t now, const Tried& tried) const {
    const Server& a = alias_.at(static_cast<uint32_t>(bits));
    const Server& b = alias_.at(static_cast<uint32_t>(bits >> 32));
    const int32_t m = a.state->current.read(), n = b.state->current.read();
    if (tried.count || at_limit(a, m) || at_limit(b, n)) return nullptr;
    return &a != &b && better(b, n, a, m, now) ? &b : &a;
  }

  [[gnu::noinline]] const Server* with_care(const Pool& pool, const Lineup& l, uint64_t bits, uint64_t now,
                                            const Tried& tried) const {
    if (pool.servers.size() == 1) return lone(pool, now);
    Places places = places_in_charge(l, rules_.all_backups);
    if (places.empty()) return nullptr;
    if (places.size() == 1) return at_limit(*places[0].server) ? nullptr : places[0].server;
    const uint64_t slots = slots_for_all(pool);
    const Server* best = of_many(bits, now, slots, tried);
    return best ? best : any(places, slots, tried);
  }

  const Server* of_many(uint64_t bits, uint64_t now, uint64_t slots, const Tried& tried) const {
    const Server* best = nullptr;
    int32_t least = 0;
    for (uint32_t i = 0; i < draws_; i++) {
      if (i) bits = i & 1 ? bits >> 32 : random_bits();
      const Server* s = &alias_.at(static_cast<uint32_t>(bits));
      if (s == best || s->slot == tried.last) continue;
      int32_t n = s->state->current.read();
      if (at_limit(*s, n) || (slots && !eligible(*s, n, slots))) continue;
      if (best && !better(*s, n, *best, least, now)) continue;
      best = s;
      least = n;
    }
    return best;
  }

  static const Server* lone(const Pool& pool, uint64_t now) {
    const Server* s = pool.servers[0];
    return s->state->weight.load(std::memory_order_relaxed) > 0 && usable(*s, now) ? s : nullptr;
  }

  void follow(const Lineup& l) {
    const Places places = places_in_charge(l, rules_.all_backups);
    alias_.follow(places);
    total_ = 0;
    for (const Lineup::Place& p : places) total_ += static_cast<uint64_t>(p.share);
    usual_ = places.size() > 1 && draws_ == 2 && !rules_.balance_factor;
    version_ = l.version;
  }

  static int64_t weight(const Server& s) { return share_of(s); }
  static bool better(const Server& s, int32_t n, const Server& than, int32_t its, uint64_t now) {
    int64_t own = n * weight(than), other = its * weight(s);
    if (own != other) return own < other;
    return int64_t{s.state->rate.read(now)} * weight(than) < int64_t{than.state->rate.read(now)} * weight(s);
  }

  // hash-balance-factor: no server may be further above the average than that.
  uint64_t slots_for_all(const Pool& pool) const {
    if (!rules_.balance_factor) return 0;
    auto served = static_cast<uint64_t>(std::max(1, pool.state->current.read() - pool.state->queued.read()));
    return (served * rules_.balance_factor + 99) / 100;
  }
  bool eligible(const Server& s, int32_t n, uint64_t slots) const {
    auto share = static_cast<uint64_t>(weight(s)) * slots;
    return static_cast<uint64_t>(std::max(0, n)) < std::max<uint64_t>(1, (share + total_ - 1) / total_);
  }

  // The draws hit nobody who can take it: whoever can, from a random place on.
  const Server* any(Places places, uint64_t slots, const Tried& tried) const {
    size_t from = random_bits() % places.size();
    const Server* found = nullptr;
    for (size_t i = 0; i < places.size(); i++) {
      const Server* s = places[(from + i) % places.size()].server;
      int32_t n = s->state->current.read();
      if (at_limit(*s, n)) continue;
      if (s->slot != tried.last && (!slots || eligible(*s, n, slots))) return s;
      if (!found || s->slot != tried.last) found = s;
    }
    return found;
  }

  const uint32_t draws_;
  const RingRules rules_;
  Alias alias_;
  bool usual_ = false;  // two draws among several servers decide
  uint64_t total_ = 0;
  uint64_t version_ = 0;
};

}  // namespace

Balancer* make_draws(const Pool& pool, uint32_t draws, RingRules rules) {
  return new Draws(pool, draws, rules);
}

}  // namespace weir::model
