// HAProxy's `balance sticky` (lb_ss): one server gets everything until it goes down; then the first one that serves. A backup
// gives way as soon as another server is there.
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
    uint64_t now = net::Loop::current().now();
    PickLock lock(pool);
    const Lineup& l = lineup(pool, now);
    if (l.version == version_) return server_;
    Places places = l.active.empty() ? l.backup : l.active;
    bool stays = false;
    for (const Lineup::Place& p : places) stays |= p.server == server_;
    if (!stays) server_ = places.empty() ? nullptr : places[0].server;
    version_ = l.version;
    return server_;
  }

 private:
  const Server* server_ = nullptr;
  uint64_t version_ = 0;
};

}  // namespace

Balancer* make_sticky(const Pool&) {
  return new Sticky;
}

}  // namespace weir::model
