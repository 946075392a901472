// See proxy/queue.h. Nothing is served from inside place_free: who calls it may be in the middle of ending a request.
#include "proxy/queue.h"

#include "balance/balancer.h"
#include "proxy/shard.h"
#include "proxy/transaction.h"

namespace weir::proxy {

namespace {

constexpr uint64_t kLookMs = 20;

std::atomic<uint64_t>& first_of(const model::Pool& pool, const Shard& shard) {
  return pool.local->queue_first[static_cast<size_t>(shard.index) & 63];
}

// The shard whose turn it is, modulo 64: the one where somebody has waited longest. -1: nobody waits.
int turn_of(const model::Pool& pool) {
  int who = -1;
  uint64_t oldest = UINT64_MAX;
  for (int i = 0; i < 64; i++) {
    uint64_t ticket = pool.local->queue_first[static_cast<size_t>(i)].load();
    if (!ticket || ticket >= oldest) continue;
    oldest = ticket;
    who = i;
  }
  return who;
}

// A server that serves no more is nobody's to wait for: another one is chosen then.
bool has_place_for(const Waiting& w, bool anywhere, uint64_t now) {
  return w.server ? model::takes_or_left(*w.server, now) : anywhere;
}

}  // namespace

Queue::Queue(Shard& shard, const model::Model& model) : shard_(shard), lines_(new Line[model.pools.size() + 1]) {}

void Waiting::on_timer() {
  txn->queue_expired();
}

void Queue::wait(Transaction& txn, const model::Pool& pool, const model::Server* server, uint32_t timeout) {
  auto* w = txn.arena.own<Waiting>();
  w->txn = &txn;
  w->pool = &pool;
  w->server = server;
  (server ? lines_[pool.id].choosy : lines_[pool.id].easy)++;
  txn.queued = w;
  w->ticket = pool.local->queue_tickets.fetch_add(1) + 1;
  pool.local->queued.fetch_add(1);
  int32_t before = pool.state->queued.up() - 1;
  txn.queue_position = static_cast<uint32_t>(std::max(0, before));
  stats::raise(pool.state->max_queued, before + 1);
  lines_[pool.id].list.push_back(w);
  if (w->ticket == lines_[pool.id].list.front()->ticket) first_of(pool, shard_).store(w->ticket);
  if (timeout) shard_.loop.arm(*w, timeout);
  watch_others(pool);
  // A place given back before this one counted as waiting was offered to nobody.
  uint64_t now = shard_.loop.now();
  if (has_place_for(*w, !server && model::has_place(pool, now), now)) place_free(pool);
}

void Queue::watch_others(const model::Pool& pool) {
  if (Timer::armed()) return;
  for (const model::Server* s : pool.servers)
    if (s->state->current.of_others() > 0) return shard_.loop.arm(*this, kLookMs);
}

void Queue::on_timer() {
  for (const model::Pool* pool : shard_.model.pools) {
    if (lines_[pool->id].list.empty()) continue;
    watch_others(*pool);
    if (lines_[pool->id].choosy || model::has_place(*pool, shard_.loop.now())) place_free(*pool);
  }
}

void Queue::leave(Waiting& w) {
  if (!w.QueueLink::linked()) return;
  w.QueueLink::unlink();
  shard_.loop.disarm(w);
  w.pool->state->queued.down();
  w.pool->local->queued.fetch_sub(1);
  (w.server ? lines_[w.pool->id].choosy : lines_[w.pool->id].easy)--;
  const Waiting* next = lines_[w.pool->id].list.front();
  first_of(*w.pool, shard_).store(next ? next->ticket : 0);
}

void Queue::place_free(const model::Pool& pool) {
  Line& line = lines_[pool.id];
  if (line.touched || pool.local->queued.load() <= 0) return;
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
    bool handed = std::exchange(line.handed, false);
    int turn = turn_of(*pool);
    if (handed) {
      serve(*pool, line);
    } else if (turn == (shard_.index & 63) && !line.list.empty()) {
      if (!serve(*pool, line) && line.choosy) hand_on(*pool);
    } else if (turn >= 0) {
      pass_on(*pool, turn);
    }
  }
}

// Those who have waited longest want other servers: the place may be for somebody on another shard.
void Queue::hand_on(const model::Pool& pool) {
  for (int i = 0; i < shard_.count; i++)
    if (i != shard_.index && pool.local->queue_first[static_cast<size_t>(i) & 63].load())
      shard_.post_to(i, [&pool](Shard& other) {
        other.queue.lines_[pool.id].handed = true;
        other.queue.place_free(pool);
      });
}

// A busy shard would keep what its own requests give back: the place goes where somebody has waited longest.
void Queue::pass_on(const model::Pool& pool, int turn) {
  for (int i = turn; i < shard_.count; i += 64)
    if (i != shard_.index) shard_.post_to(i, [&pool](Shard& other) { other.queue.place_free(pool); });
}

// Whoever has waited longest among those whom a place is for. Whether there was one.
bool Queue::serve(const model::Pool& pool, Line& line) {
  uint64_t now = shard_.loop.now();
  bool anywhere = line.easy && model::has_place(pool, now);
  if (!anywhere && !line.choosy) return false;
  Waiting* w = line.list.front();
  while (w && !has_place_for(*w, anywhere, now)) w = line.list.next(w);
  if (!w) return false;
  leave(*w);
  w->txn->queue_place();
  place_free(pool);  // there may be more places, and more who wait
  return true;
}

}  // namespace weir::proxy
