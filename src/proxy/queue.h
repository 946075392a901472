#pragma once
// Requests that wait for a place because all servers of their pool are at their limit (HAProxy's `maxconn` of servers and
// `timeout queue`). Each shard has its own queue and serves it first come, first served; whoever gives a place back
// serves its own shard's queue, or tells the others when nobody waits there. Places that another worker holds, while one
// drains and the next serves, come back without a word and are looked for from time to time.
#include <memory>
#include <vector>

#include "base/list.h"
#include "base/wheel.h"
#include "model/model.h"
#include "net/loop.h"

namespace weir::proxy {

class Shard;
class Transaction;

struct QueueLink : Link {};

// One request in the queue. In the transaction's arena.
struct Waiting final : Timer, QueueLink {
  Transaction* txn = nullptr;
  const model::Pool* pool = nullptr;
  const model::Server* server = nullptr;  // it wants a place there and nowhere else; null: anywhere
  uint64_t ticket = 0;  // grows with the time of coming, over all shards

 private:
  void on_timer() override;
};

class Queue final : public net::Task, public Timer {
 public:
  Queue(Shard& shard, const model::Model& model);

  // Puts the transaction at the end, for a place on `server`, or on any of the pool's when that is null; its queue_place() or
  // queue_expired() follows from the loop. `timeout` in ms, 0: none.
  void wait(Transaction& txn, const model::Pool& pool, const model::Server* server, uint32_t timeout);
  // Takes it out again, if it is in.
  void leave(Waiting& w);
  // A place on one of the pool's servers may be free. On this shard's thread.
  void place_free(const model::Pool& pool);

 private:
  struct Line {
    List<Waiting, QueueLink> list;
    uint32_t choosy = 0;  // of them: who wants a certain server
    uint32_t easy = 0;  // and who does not
    bool touched = false;
    bool handed = false;  // another shard had nobody for the place
  };
  void run_task() override;
  void on_timer() override;
  void watch_others(const model::Pool& pool);
  void pass_on(const model::Pool& pool, int turn);
  void hand_on(const model::Pool& pool);
  bool serve(const model::Pool& pool, Line& line);

  Shard& shard_;
  std::unique_ptr<Line[]> lines_;  // by pool id
  std::vector<const model::Pool*> touched_;
};

}  // namespace weir::proxy
