#pragma once
// A table of counters by key in a shared zone: what limit_req and limit_conn count in. Keys are kept as 128-bit hashes
// with a secret of the zone, so a node has one size and nobody can make keys collide on purpose. The zone is divided into
// stripes, each with its lock, its hash table, and a list by last use; when a stripe is full, the least recently used node
// that nobody holds is taken. A stripe whose owner died while it held the lock is emptied.
#include <atomic>
#include <cstdint>

#include "base/gauge.h"
#include "base/shared_lock.h"
#include "base/shared_zone.h"

namespace weir {

class CounterZone {
 public:
  struct Key {
    uint64_t high;
    uint64_t low;
  };
  // Who holds a node, by worker: what one held that was killed is taken back. Only under the stripe's lock. Where more workers
  // hold one than there is room for, the last entry counts for all of them.
  class Holders {
   public:
    uint32_t total() const {
      uint32_t sum = 0;
      for (const Entry& e : entries_) sum += e.count;
      return sum;
    }
    void up() { entry().count++; }
    void down() {
      if (Entry& e = entry(); e.count) e.count--;
    }
    void forget(int slot) {
      for (Entry& e : entries_)
        if (e.slot == slot) e.count = 0;
    }
    // So many as somebody elsewhere says, 65535 at most; nobody here may hold it.
    void set_by_others(uint64_t n) {
      for (Entry& e : entries_) e.count = 0;
      entries_[0] = {static_cast<uint16_t>(std::min<uint64_t>(n, UINT16_MAX)), UINT8_MAX};
    }

   private:
    struct Entry {
      uint16_t count;
      uint8_t slot;
    };
    Entry& entry() {
      for (Entry& e : entries_)
        if (e.count && e.slot == g_worker_slot) return e;
      for (Entry& e : entries_) {
        if (e.count) continue;
        e.slot = static_cast<uint8_t>(g_worker_slot);
        return e;
      }
      return entries_[kMost - 1];
    }
    static constexpr int kMost = 4;
    Entry entries_[kMost];
  };
  struct Node {
    Key key;
    uint64_t last_ms;  // CLOCK_MONOTONIC
    int64_t excess;  // thousandths
    Holders holders;  // a node with any is not taken away
    uint32_t next;  // in its hash chain; indices, 0: none
    uint32_t newer, older;
  };

  // A view of the named zone, made for `size` bytes. False with errno.
  bool open(Str name, uint64_t layout, size_t size);
  Key key(Str text) const;
  // The worker with that slot (base/gauge.h) holds nothing any more, in all zones of this process.
  static void worker_ended(int slot);

  // The stripe of a key, locked for the life of the Guard.
  class Guard {
   public:
    Guard(CounterZone& zone, const Key& key);
    ~Guard();
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;
    // The node of the key, now the most recently used one; null: there is none.
    Node* find();
    // A new zeroed node for the key, which must not have one; null: the stripe is full of nodes in use.
    Node* add();
    void remove(Node* node);

   private:
    friend class CounterZone;
    CounterZone& zone_;
    Key key_;
    uint32_t stripe_;
  };

  static constexpr uint32_t kStripes = 16;

 private:
  struct alignas(64) Stripe {
    SharedLock lock;
    uint32_t newest, oldest;
    uint32_t free;  // list through `next`
    uint32_t used;  // nodes ever taken from the array
  };
  struct Header {
    uint64_t magic;  // tells these zones from others
    std::atomic<uint32_t> state;  // 0: new, 1: being prepared, 2: ready
    uint32_t buckets;  // for each stripe, a power of two
    uint32_t nodes;  // for each stripe; indices begin with 1
    uint64_t secret[2];
  };
  void prepare();
  void forget(int slot);
  Stripe& stripe(uint32_t i) const;
  uint32_t* bucket(uint32_t stripe, const Key& key) const;
  Node& node(uint32_t stripe, uint32_t index) const;
  void lock(uint32_t i);
  void clear(uint32_t i);
  void unlink_use(uint32_t stripe, uint32_t index);
  void link_newest(uint32_t stripe, uint32_t index);
  void drop(uint32_t stripe, uint32_t index);

  SharedZone* zone_ = nullptr;
};

}  // namespace weir
