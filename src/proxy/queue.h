#pragma once
// Requests that wait for a place because all servers of their pool are at their limit (HAProxy's `maxconn` of servers and
// `timeout queue`, nginx's `queue`). Each shard keeps its own, so that no lock is needed, in the order of keys that are
// comparable over all shards: whoever gives a place back serves the one with the lowest key, here or there. Those who wait for
// one server are kept apart from all others, so that nobody is looked at for whom no place can be. Places that
// another worker holds, while one drains and the next serves, come back without a word, and so do servers that failures
// kept away for a time: they are looked for from time to time.
#include <memory>
#include <vector>

#include "base/list.h"
#include "base/pairing_heap.h"
#include "base/wheel.h"
#include "model/model.h"
#include "net/loop.h"

namespace weir::proxy {

class Shard;
class Transaction;

struct QueueLink : HeapLink {};  // among those who wait for the same
struct FrontLink : Link {};  // among those who come first there

// One request in the queue. In the transaction's arena; what it says stays true when the waiting is over.
struct Waiting final : Timer, QueueLink, FrontLink {
  Transaction* txn = nullptr;
  const model::Pool* pool = nullptr;
  const model::Server* server = nullptr;  // it wants a place there and nowhere else; null: anywhere
  uint64_t key = 0;  // who has a lower one goes first
  uint64_t since_ms = 0;
  uint64_t until_ms = 0;  // 0: no limit
  uint32_t left_before = 0;  // how many had left the queue when it came
  bool called = false;  // a place is free, which it has not taken yet
  bool expired = false;
  uint32_t server_place = 0;  // its place in queues of servers and of pools: 1 more than those that got theirs before
  uint32_t pool_place = 0;

  bool goes_before(const Waiting& other) const { return key < other.key; }

 private:
  void on_timer() override;
};

class Queue final : public net::Task, public Timer {
 public:
  Queue(Shard& shard, const model::Model& model);

  // Whether one more may wait for this server, or for any of the pool's when that is null.
  static bool has_room(const model::Pool& pool, const model::Server* server);
  // Puts the transaction where it belongs, for a place on `server`, or on any of the pool's when that is null; its
  // queue_place() or queue_expired() follows from the loop. Who was called and found no place waits on as before. `timeout`
  // in ms, 0: none.
  void wait(Transaction& txn, const model::Pool& pool, const model::Server* server, uint32_t timeout);
  // Takes it out again, if it is in.
  void leave(Waiting& w);
  // It was called and has got its place.
  static void served(Waiting& w);
  // A place on one of the pool's servers may be free. On this shard's thread.
  void place_free(const model::Pool& pool);

 private:
  using Heap = PairingHeap<Waiting, QueueLink>;  // by key
  struct Line {
    Heap anywhere;  // who takes any server
    List<Waiting, FrontLink> fronts;  // who comes first of those, and of those who want a certain server, of each
    uint32_t choosy = 0;  // how many want a certain server
    bool touched = false;
    bool handed = false;  // another shard had nobody for the place
  };
  void run_task() override;
  void on_timer() override;
  Heap& heap_of(const Waiting& w);
  void insert(Line& line, Waiting& w);
  void remove(Line& line, Waiting& w);
  void watch(const model::Pool& pool);
  void pass_on(const model::Pool& pool, int turn);
  void hand_on(const model::Pool& pool);
  bool serve(const model::Pool& pool, Line& line);

  Shard& shard_;
  std::unique_ptr<Line[]> lines_;  // by pool id
  std::vector<Heap> awaited_;  // by server id: who wants that one
  std::vector<const model::Pool*> touched_;
};

}  // namespace weir::proxy
