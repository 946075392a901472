// See proxy/queue.h. Nothing is served from inside place_free: who calls it may be in the middle of ending a request.
#include "proxy/queue.h"

#include "balance/balancer.h"
#include "proxy/shard.h"
#include "proxy/transaction.h"

namespace weir::proxy {

Queue::Queue(Shard& shard, const model::Model& model) : shard_(shard), lines_(new Line[model.pools.size() + 1]) {}

void Waiting::on_timer() {
  txn->queue_expired();
}

void Queue::wait(Transaction& txn, const model::Pool& pool, uint32_t timeout) {
  auto* w = txn.arena.own<Waiting>();
  w->txn = &txn;
  w->pool = &pool;
  txn.queued = w;
  int32_t before = pool.state->queued.fetch_add(1);
  txn.queue_position = static_cast<uint32_t>(std::max(0, before));
  stats::raise(pool.state->max_queued, before + 1);
  lines_[pool.id].list.push_back(w);
  if (timeout) shard_.loop.arm(*w, timeout);
  // A place given back before this one counted as waiting was offered to nobody.
  if (model::has_place(pool, shard_.loop.now())) place_free(pool);
}

void Queue::leave(Waiting& w) {
  if (!w.QueueLink::linked()) return;
  w.QueueLink::unlink();
  shard_.loop.disarm(w);
  w.pool->state->queued.fetch_sub(1);
}

void Queue::place_free(const model::Pool& pool) {
  Line& line = lines_[pool.id];
  if (line.touched || pool.state->queued.load() <= 0) return;
  line.touched = true;
  touched_.push_back(&pool);
  shard_.loop.soon(this);
}

void Queue::run_task() {
  std::vector<const model::Pool*> pools;
  pools.swap(touched_);
  for (const model::Pool* pool : pools) {
    Line& line = lines_[pool->id];
    line.touched = false;
    if (!line.list.empty())
      serve(*pool, line);
    else if (pool->state->queued.load() > 0)
      shard_.post_others([pool](Shard& other) {
        if (!other.queue.lines_[pool->id].list.empty()) other.queue.place_free(*pool);
      });
  }
}

void Queue::serve(const model::Pool& pool, Line& line) {
  while (Waiting* w = line.list.front()) {
    if (!model::has_place(pool, shard_.loop.now())) return;
    leave(*w);
    w->txn->queue_place();
  }
}

}  // namespace weir::proxy
