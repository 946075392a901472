#pragma once
// Choosing a server. One file per algorithm; a pool owns one balancer. Called once per request and try, from any shard:
// what an algorithm remembers lives in the pool's shared state, guarded by its spin lock for the length of a pick.
#include <cstdint>

#include "base/arena.h"
#include "model/model.h"

namespace weir::proxy {
class Transaction;
}

namespace weir::model {

// Servers that this transaction has tried already; they are not picked again while others are there.
struct Tried {
  static constexpr uint16_t kNone = UINT16_MAX;
  uint64_t bits[4] = {};
  uint16_t last = kNone;  // the server of the try before
  uint16_t count = 0;
  void add(uint16_t slot) {
    if (slot < 256) bits[slot / 64] |= 1ull << (slot % 64);
    last = slot;
    count++;
  }
  // Of servers behind the 256th only the last one is known.
  bool has(uint16_t slot) const { return slot < 256 ? bits[slot / 64] >> (slot % 64) & 1 : slot == last; }
  void clear() { *this = {}; }
};

// Whether new requests may go to this server now: up, not in maintenance or drain, below its limit, not failing.
bool usable(const Server& server, uint64_t now_ms);

// Whether requests of clients that belong to this server (a cookie, a stored session) may go there now, limits apart: as usable(),
// but one that drains keeps its clients.
bool keeps_clients(const Server& server, uint64_t now_ms);

// Whether somebody who waits for this server need not wait on: it has a place, or does not serve any more.
bool takes_or_left(const Server& server, uint64_t now_ms);
// How many servers but the backups can serve, limits apart.
int active_servers(const Pool& pool, uint64_t now_ms);

// Whether a slow start of its is not over yet, and how far it is, 1 to 100 (100: over, or there is none).
bool warming(const Server& server, uint64_t now_ms);
int32_t warm_percent(const Server& server, uint64_t now_ms);

// Whether a server of the pool takes requests now, and whether one would if it were not at its limit. For pools that queue.
bool has_place(const Pool& pool, uint64_t now_ms);
bool is_full(const Pool& pool, uint64_t now_ms);

// How a try on a server ended.
struct TryEnd {
  static constexpr uint64_t kNever = UINT64_MAX;
  uint64_t header_ms = kNever;  // from the pick to the head of the answer; kNever: there was none
  uint64_t total_ms = 0;  // from the pick to the end
  uint64_t now_ms = 0;
  bool failed = false;  // no answer, or one that says that the server is in trouble (5xx)
};

class Balancer {
 public:
  // What an algorithm wants besides being asked.
  struct Wishes {
    bool ends = false;  // ended() is called
    bool heads = false;  // answered() is called
    bool insists = false;  // see awaits()
  };
  explicit Balancer(Wishes wishes) : wishes(wishes) {}
  Balancer() : Balancer(Wishes{}) {}
  virtual ~Balancer() = default;
  virtual Str name() const = 0;
  // The server for this request, or null when none of those that are left is usable.
  virtual const Server* pick(const Pool& pool, proxy::Transaction& txn, const Tried& tried) = 0;
  // Whether this request, for which that server was picked, waits for its place there when another one took it meanwhile.
  virtual bool awaits(const Server&, const proxy::Transaction&) const { return wishes.insists; }
  // A request goes to that server for other reasons than this algorithm's; its end is told like that of any other.
  virtual void taken(const Pool&, const Server&) {}
  // The head of the answer came to a request that was picked for this server. Before ended().
  virtual void answered(const Server&, uint64_t /*header_ms*/, uint64_t /*now_ms*/) {}
  // A try on the server is over and does not count among its current ones any more.
  virtual void ended(const Server&, const TryEnd&) {}
  // Makes room for what it keeps by slot, before the pool gets so many servers. The pool's lock is held.
  virtual void grow(size_t /*slots*/) {}
  // Makes at length what the first pick would have to make, before the pool serves.
  virtual void prepare(const Pool&, uint64_t /*now_ms*/) {}

  const Wishes wishes;
};

// All pools are prepared; where that was done before, for what has changed since.
void prepare_pools(const Model& model);

// Holds a pool's lock for one pick.
class PickLock {
 public:
  explicit PickLock(const Pool& pool) : local_(*pool.local) { acquire(); }
  ~PickLock() { release(); }
  // Lets others pick while it does what takes long. What the lock guards may be another thing afterwards.
  template <class Do>
  void without(const Do& what) {
    release();
    what();
    acquire();
  }
  PickLock(const PickLock&) = delete;
  PickLock& operator=(const PickLock&) = delete;

 private:
  void acquire() {
    while (local_.lock.test_and_set(std::memory_order_acquire)) relax();
  }
  void release() { local_.lock.clear(std::memory_order_release); }
  // Tells the processor that this is a spinning loop.
  static void relax() {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
  }

  PoolLocal& local_;
};

Balancer* make_smooth_round_robin(const Pool& pool);  // nginx's default
// HAProxy's `balance roundrobin`. `all_backups`: backup servers share the load too, once no other is left.
Balancer* make_haproxy_round_robin(const Pool& pool, bool all_backups = false);

}  // namespace weir::model
