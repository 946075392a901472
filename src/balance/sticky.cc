// HAProxy's `balance sticky` (lb_ss): one server gets everything until it goes down; then that which has served longest of
// those that are left: who comes back stands behind them. A backup gives way as soon as another server is there.
#include "balance/lineup.h"
#include "balance/methods.h"
#include "net/loop.h"

namespace weir::model {
namespace {

class Sticky final : public Balancer {
 public:
  Sticky() : Balancer({.insists = true}) {}
  Str name() const override { return "sticky"; }

  const Server* pick(const Pool& pool, proxy::Transaction&, const Tried&) override {
    PickLock lock(pool);
    const Lineup& l = lineup(pool, net::Loop::current().now());
    if (l.seen == seen_ && l.version == version_) return server_;
    seen_ = l.seen;
    version_ = l.version;
    return server_ = longest_serving(l);
  }

 private:
  const Server* server_ = nullptr;  // of the lineup that these two tell apart
  uint64_t seen_ = 0;
  uint64_t version_ = 0;
};

}  // namespace

const Server* longest_serving(const Lineup& l) {
  const Server* first = nullptr;
  uint64_t since = 0;
  for (const Lineup::Place& p : l.active.empty() ? l.backup : l.active) {
    uint64_t back = p.server->state->back.load(std::memory_order_relaxed);
    if (first && back >= since) continue;
    first = p.server;
    since = back;
  }
  return first;
}

Balancer* make_sticky(const Pool&) {
  return new Sticky;
}

}  // namespace weir::model
