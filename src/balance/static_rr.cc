// HAProxy's `balance static-rr`: the table of balance/server_map.h from one end to the other.
#include "balance/methods.h"
#include "balance/server_map.h"
#include "net/loop.h"

namespace weir::model {
namespace {

class StaticRoundRobin final : public Balancer {
 public:
  StaticRoundRobin(const Pool& pool, bool all_backups) : map_(pool, all_backups) {}
  Str name() const override { return "static-rr"; }

  const Server* pick(const Pool& pool, proxy::Transaction&, const Tried& tried) override {
    uint64_t now = net::Loop::current().now();
    PickLock lock(pool);
    const Lineup& l = lineup(pool, now);
    if (l.version != map_.version()) map_.follow(l);
    return map_.next(pool, tried.last);
  }

  void prepare(const Pool& pool, uint64_t now_ms) override {
    PickLock lock(pool);
    const Lineup& l = lineup(pool, now_ms);
    if (l.version != map_.version()) map_.follow(l);
  }

 private:
  ServerMap map_;
};

}  // namespace

Balancer* make_static_rr(const Pool& pool, bool all_backups) {
  return new StaticRoundRobin(pool, all_backups);
}

}  // namespace weir::model
