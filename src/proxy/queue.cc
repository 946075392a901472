// See proxy/queue.h. Nothing is served from inside place_free: who calls it may be in the middle of ending a request.
#include "proxy/queue.h"

#include <algorithm>

#include "balance/balancer.h"
#include "proxy/shard.h"
#include "proxy/transaction.h"

namespace weir::proxy {

namespace {

constexpr uint64_t kLookMs = 20;

std::atomic<uint64_t>& first_of(const model::Pool& pool, const Shard& shard) {
  return pool.local->queue_first[static_cast<size_t>(shard.index) & 63];
}

// How many have got a place after waiting where this one does.
std::atomic<uint32_t>& left(const Waiting& w) {
  return w.server ? w.server->local->queue_left : w.pool->local->queue_left;
}

// The shard whose turn it is, modulo 64: the one where the lowest key waits. -1: nobody waits.
int turn_of(const model::Pool& pool) {
  int who = -1;
  uint64_t lowest = UINT64_MAX;
  for (int i = 0; i < 64; i++) {
    uint64_t key = pool.local->queue_first[static_cast<size_t>(i)].load();
    if (!key || key >= lowest) continue;
    lowest = key;
    who = i;
  }
  return who;
}

// A server that serves no more is nobody's to wait for: another one is chosen then.
bool has_place_for(const Waiting& w, bool anywhere, uint64_t now) {
  return w.server ? model::takes_or_left(*w.server, now) : anywhere;
}

// Whether places may come back, or servers, of which nobody tells.
bool comes_back_silently(const model::Pool& pool, uint64_t now) {
  for (const model::Server* s : pool.servers)
    if (s->state->current.of_others() > 0 || s->limits.vary()) return true;
  return !model::is_full(pool, now);
}

}  // namespace

Queue::Queue(Shard& shard, const model::Model& model)
    : shard_(shard), lines_(new Line[model.pools.size() + 1]), awaited_(model.servers.size()) {}

void Waiting::on_timer() {
  txn->queue_expired();
}

bool Queue::has_room(const model::Pool& pool, const model::Server* server) {
  if (pool.limits.max_queue && pool.state->queued.read() >= pool.limits.max_queue) return false;
  return !server || !server->limits.max_queue || server->state->queued.read() < server->limits.max_queue;
}

void Queue::wait(Transaction& txn, const model::Pool& pool, const model::Server* server, uint32_t timeout) {
  const uint64_t now = shard_.loop.now();
  Waiting* w = txn.queued;
  const bool again = w && w->called && w->pool == &pool && w->server == server;
  if (!again) {
    Waiting* before = w;
    w = txn.queued = txn.arena.own<Waiting>();
    if (before) {
      w->server_place = before->server_place;
      w->pool_place = before->pool_place;
    }
    w->txn = &txn;
    w->pool = &pool;
    w->server = server;
    w->key = txn.priority.key(now, pool.local->queue_tickets.fetch_add(1, std::memory_order_relaxed));
    w->since_ms = now;
    w->until_ms = timeout ? now + timeout : 0;
    w->left_before = left(*w).load(std::memory_order_relaxed);
  }
  w->called = false;
  Line& line = lines_[pool.id];
  if (server) line.choosy++;
  // Before it looks for a place: whoever gives one back sees it, or is seen (Transaction::end_attempt).
  pool.local->queued.fetch_add(1);
  pool.state->queued.up();
  if (server) {
    stats::raise(server->state->max_queued, server->state->queued.up());
  } else {
    pool.local->queued_anywhere.fetch_add(1);
    stats::raise(pool.state->max_queued, pool.state->queued_anywhere.up());
  }
  insert(line, *w);
  if (w->until_ms) shard_.loop.arm(*w, w->until_ms > now ? w->until_ms - now : 1);
  // What it was called for is gone, or is not for it: it is not called again at once.
  if (again && !Timer::armed()) shard_.loop.arm(*this, kLookMs);
  watch(pool);
  // A place given back before this one counted as waiting was offered to nobody.
  if (!again && has_place_for(*w, !server && model::has_place(pool, now), now)) place_free(pool);
}

// Of a server that came later, the first one makes room.
Queue::Heap& Queue::heap_of(const Waiting& w) {
  if (!w.server) return lines_[w.pool->id].anywhere;
  if (w.server->id >= awaited_.size()) awaited_.resize(w.server->id + 1);
  return awaited_[w.server->id];
}

void Queue::insert(Line& line, Waiting& w) {
  Heap& heap = heap_of(w);
  Waiting* before = heap.top();
  heap.insert(&w);
  if (heap.top() != &w) return;
  if (before) before->FrontLink::unlink();
  line.fronts.push_back(&w);
  std::atomic<uint64_t>& lowest = first_of(*w.pool, shard_);
  const uint64_t key = lowest.load(std::memory_order_relaxed);
  if (!key || w.key < key) lowest.store(w.key);
}

void Queue::remove(Line& line, Waiting& w) {
  Heap& heap = heap_of(w);
  heap.remove(&w);
  if (!w.FrontLink::linked()) return;
  w.FrontLink::unlink();
  if (Waiting* next = heap.top()) line.fronts.push_back(next);
  uint64_t lowest = UINT64_MAX;
  for (Waiting* f = line.fronts.front(); f; f = line.fronts.next(f)) lowest = std::min(lowest, f->key);
  first_of(*w.pool, shard_).store(line.fronts.empty() ? 0 : lowest);
}

void Queue::watch(const model::Pool& pool) {
  if (!Timer::armed() && comes_back_silently(pool, shard_.loop.now())) shard_.loop.arm(*this, kLookMs);
}

void Queue::on_timer() {
  for (const model::Pool* pool : shard_.model.pools) {
    if (lines_[pool->id].fronts.empty()) continue;
    watch(*pool);
    if (lines_[pool->id].choosy || model::has_place(*pool, shard_.loop.now())) place_free(*pool);
  }
}

void Queue::leave(Waiting& w) {
  if (!w.QueueLink::linked()) return;
  const model::Pool& pool = *w.pool;
  Line& line = lines_[pool.id];
  remove(line, w);
  shard_.loop.disarm(w);
  pool.state->queued.down();
  pool.local->queued.fetch_sub(1);
  if (w.server) {
    line.choosy--;
    w.server->state->queued.down();
  } else {
    pool.state->queued_anywhere.down();
    pool.local->queued_anywhere.fetch_sub(1);
  }
  (w.server ? w.server_place : w.pool_place) += left(w).load(std::memory_order_relaxed) - w.left_before + 1;
  w.left_before = left(w).load(std::memory_order_relaxed) + 1;
}

void Queue::served(Waiting& w) {
  w.called = false;
  left(w).fetch_add(1, std::memory_order_relaxed);
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
    } else if (turn == (shard_.index & 63) && !line.fronts.empty()) {
      if (!serve(*pool, line) && line.choosy) hand_on(*pool);
    } else if (turn >= 0) {
      pass_on(*pool, turn);
    }
  }
}

// Those who come first want other servers: the place may be for somebody on another shard.
void Queue::hand_on(const model::Pool& pool) {
  for (int i = 0; i < shard_.count; i++)
    if (i != shard_.index && pool.local->queue_first[static_cast<size_t>(i) & 63].load())
      shard_.post_to(i, [&pool](Shard& other) {
        other.queue.lines_[pool.id].handed = true;
        other.queue.place_free(pool);
      });
}

// A busy shard would keep what its own requests give back: the place goes where somebody comes first.
void Queue::pass_on(const model::Pool& pool, int turn) {
  for (int i = turn; i < shard_.count; i += 64)
    if (i != shard_.index) shard_.post_to(i, [&pool](Shard& other) { other.queue.place_free(pool); });
}

// Who comes first among those whom a place is for. Whether there was one.
bool Queue::serve(const model::Pool& pool, Line& line) {
  uint64_t now = shard_.loop.now();
  bool anywhere = !line.anywhere.empty() && model::has_place(pool, now);
  if (!anywhere && !line.choosy) return false;
  Waiting* w = nullptr;
  for (Waiting* f = line.fronts.front(); f; f = line.fronts.next(f))
    if ((!w || f->goes_before(*w)) && has_place_for(*f, anywhere, now)) w = f;
  if (!w) return false;
  leave(*w);
  w->called = true;
  w->txn->queue_place();
  place_free(pool);  // there may be more places, and more who wait
  return true;
}

}  // namespace weir::proxy
