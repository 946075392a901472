// nginx's smooth weighted round robin: every server's current weight grows by its effective weight, the largest is picked
// and loses the sum. Counts follow the weights and runs of one server are avoided (5:1:1 gives A A B A C A A).
// Effective weights fall with failures and recover by one per pick, as in ngx_http_upstream_round_robin.c.
#include <memory>

#include "balance/balancer.h"
#include "net/loop.h"

namespace weir::model {
namespace {

class SmoothRoundRobin final : public Balancer {
 public:
  explicit SmoothRoundRobin(const Pool& pool) : current_(new int64_t[pool.servers.size]()) {}
  Str name() const override { return "round_robin"; }

  const Server* pick(const Pool& pool, proxy::Transaction&, const Tried& tried) override {
    uint64_t now = net::Loop::current().now();
    if (pool.servers.size == 1) {
      // Passive health is not counted for a lone server: leaving it out would help nobody.
      const Server* only = pool.servers[0];
      const ServerState& s = *only->state;
      int32_t limit = s.max_conns.load(std::memory_order_relaxed);
      bool full = limit && s.current.read() >= limit;
      bool lost = only->unresolved && !only->local->addr.load(std::memory_order_relaxed);
      bool off = lost || s.admin.load(std::memory_order_relaxed) || !s.up.load(std::memory_order_relaxed) ||
                 s.stopping.load(std::memory_order_relaxed);
      return off || full || tried.has(0) ? nullptr : only;
    }
    PickLock lock(pool);
    if (const Server* s = pick_among(pool, tried, now, false)) return s;
    return pick_among(pool, tried, now, true);
  }

 private:
  const Server* pick_among(const Pool& pool, const Tried& tried, uint64_t now, bool backup) {
    const Server* best = nullptr;
    int64_t sum = 0;
    for (const Server* s : pool.servers) {
      if (s->backup != backup || tried.has(s->slot) || !usable(*s, now)) continue;
      int64_t weight = s->state->weight.load(std::memory_order_relaxed);
      current_[s->slot] += weight;
      sum += weight;
      if (!best || current_[s->slot] > current_[best->slot]) best = s;
    }
    if (best) current_[best->slot] -= sum;
    return best;
  }
  std::unique_ptr<int64_t[]> current_;
};

}  // namespace

Balancer* make_smooth_round_robin(const Pool& pool) {
  return new SmoothRoundRobin(pool);
}

}  // namespace weir::model
