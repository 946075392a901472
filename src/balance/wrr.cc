// `balance wrr`, weir's own: classical weighted round robin. Each server gets as many requests in a row as its weight says: A A B
// C for 2:1:1. What was left of a row is dropped when the servers change.
#include "balance/lineup.h"
#include "balance/methods.h"
#include "net/loop.h"

namespace weir::model {
namespace {

class ClassicalRoundRobin final : public Balancer {
 public:
  explicit ClassicalRoundRobin(bool all_backups) : all_backups_(all_backups) {}
  Str name() const override { return "wrr"; }

  const Server* pick(const Pool& pool, proxy::Transaction&, const Tried& tried) override {
    uint64_t now = net::Loop::current().now();
    PickLock lock(pool);
    const Lineup& l = lineup(pool, now);
    Places places = places_in_charge(l, all_backups_);
    if (places.empty()) return nullptr;
    if (l.version != version_) follow(places, l);
    const Server* avoided = nullptr;
    for (size_t n = 0; n <= places.size(); n++) {
      const Server* s = places[at_].server;
      bool full = at_limit(*s);
      if (!full && s->slot != tried.last) {
        if (--left_ == 0) turn_to(places, at_ + 1);
        return s;
      }
      if (!full) avoided = s;
      turn_to(places, at_ + 1);
    }
    return avoided;
  }

 private:
  void turn_to(Places places, size_t at) {
    at_ = at < places.size() ? at : 0;
    left_ = (places[at_].share + kShares - 1) / kShares;
    slot_ = places[at_].server->slot;
  }

  // Whose turn it was keeps it, or it goes to the next one.
  void follow(Places places, const Lineup& l) {
    size_t at = 0;
    while (version_ && at < places.size() && places[at].server->slot < slot_) at++;
    bool same = version_ && at < places.size() && places[at].server->slot == slot_;
    int32_t left = left_;
    turn_to(places, at);
    if (same) left_ = std::min(left, left_);
    version_ = l.version;
  }

  size_t at_ = 0;
  int32_t left_ = 0;  // of the server's row
  uint16_t slot_ = 0;
  uint64_t version_ = 0;
  const bool all_backups_;
};

}  // namespace

Balancer* make_wrr(const Pool&, bool all_backups) {
  return new ClassicalRoundRobin(all_backups);
}

}  // namespace weir::model
