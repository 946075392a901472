// HAProxy's `hash-type consistent`: a hash on the ring of balance/ring.h. Without a key, around the ring. Its server is kept
// though it is full, unless hash-preserve-affinity or hash-balance-factor say otherwise.
#include "balance/methods.h"
#include "balance/ring.h"
#include "net/loop.h"

namespace weir::model {
namespace {

class RingHash final : public Balancer {
 public:
  RingHash(const Pool& pool, Str name, KeyHash key, RingRules rules)
      : Balancer({.insists = true}), name_(name), key_(key), ring_(pool, rules) {}
  Str name() const override { return name_; }

  const Server* pick(const Pool& pool, proxy::Transaction& txn, const Tried& tried) override {
    uint64_t now = net::Loop::current().now();
    uint32_t hash = 0;
    bool found = key_.hash(txn, key_.conf, hash);
    PickLock lock(pool);
    const Lineup& l = lineup(pool, now);
    if (l.version != ring_.version()) ring_.follow(lock, l);
    return found ? ring_.at(pool, hash, tried.last) : ring_.next(pool, tried.last);
  }

  void grow(size_t slots) override { ring_.grow(slots); }
  void prepare(const Pool& pool, uint64_t now_ms) override {
    PickLock lock(pool);
    ring_.follow(lock, lineup(pool, now_ms));
  }

 private:
  const Str name_;
  const KeyHash key_;
  Ring ring_;
};

}  // namespace

Balancer* make_ring_hash(const Pool& pool, Str name, KeyHash key, RingRules rules) {
  return new RingHash(pool, name, key, rules);
}

}  // namespace weir::model
