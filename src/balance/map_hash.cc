// HAProxy's `hash-type map-based`: a hash modulo the table of balance/server_map.h. Without a key, round robin over the table.
// Its server is kept though it is full.
#include "balance/methods.h"
#include "balance/server_map.h"
#include "net/loop.h"

namespace weir::model {
namespace {

class MapHash final : public Balancer {
 public:
  MapHash(const Pool& pool, Str name, KeyHash key, bool all_backups)
      : Balancer({.insists = true}), name_(name), key_(key), all_backups_(all_backups), map_(pool, all_backups) {}
  Str name() const override { return name_; }

  const Server* pick(const Pool& pool, proxy::Transaction& txn, const Tried& tried) override {
    uint64_t now = net::Loop::current().now();
    uint32_t hash = 0;
    bool found = key_.hash(txn, key_.conf, hash);
    PickLock lock(pool);
    const Lineup& l = lineup(pool, now);
    if (l.version != map_.version()) map_.follow(l);
    if (map_.empty()) return nullptr;
    // A lone backup needs no key, though the table may have others in it.
    if (l.active.empty() && !all_backups_) return pool.servers[map_.at(0)];
    return found ? pool.servers[map_.at(hash)] : map_.next(pool, tried.last);
  }

  void prepare(const Pool& pool, uint64_t now_ms) override {
    PickLock lock(pool);
    const Lineup& l = lineup(pool, now_ms);
    if (l.version != map_.version()) map_.follow(l);
  }

 private:
  const Str name_;
  const KeyHash key_;
  const bool all_backups_;
  ServerMap map_;
};

}  // namespace

Balancer* make_map_hash(const Pool& pool, Str name, KeyHash key, bool all_backups) {
  return new MapHash(pool, name, key, all_backups);
}

}  // namespace weir::model
