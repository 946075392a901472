// nginx's least_conn (ngx_http_upstream_least_conn_module): requests divided by weight are compared, and smooth weighted
// round robin decides between equals.
#include <memory>

#include "balance/methods.h"
#include "net/loop.h"

namespace weir::model {
namespace {

class LeastConn final : public Balancer {
 public:
  explicit LeastConn(const Pool& pool)
      : round_robin_(make_smooth_round_robin(pool)), current_(new int64_t[pool.servers.size]()) {}
  Str name() const override { return "least_conn"; }

  const Server* pick(const Pool& pool, proxy::Transaction& txn, const Tried& tried) override {
    if (pool.servers.size == 1) return round_robin_->pick(pool, txn, tried);
    uint64_t now = net::Loop::current().now();
    PickLock lock(pool);
    if (const Server* s = pick_among(pool, tried, now, false)) return s;
    return pick_among(pool, tried, now, true);
  }

 private:
  // How the load of `a` compares with that of `b`: below 0 when it is smaller.
  static int64_t compare(const Server& a, const Server& b) {
    auto load = [](const Server& s, const Server& other) {
      return int64_t{s.state->current.read()} * other.state->weight.load(std::memory_order_relaxed);
    };
    return load(a, b) - load(b, a);
  }

  const Server* pick_among(const Pool& pool, const Tried& tried, uint64_t now, bool backup) {
    auto takes = [&](const Server* s) { return s->backup == backup && !tried.has(s->slot) && usable(*s, now); };
    const Server* least = nullptr;
    for (const Server* s : pool.servers)
      if (takes(s) && (!least || compare(*s, *least) < 0)) least = s;
    if (!least) return nullptr;
    const Server* best = nullptr;
    int64_t sum = 0;
    for (const Server* s : pool.servers) {
      if (!takes(s) || compare(*s, *least) != 0) continue;
      int64_t weight = s->state->weight.load(std::memory_order_relaxed);
      current_[s->slot] += weight;
      sum += weight;
      if (!best || current_[s->slot] > current_[best->slot]) best = s;
    }
    if (best) current_[best->slot] -= sum;
    return best;
  }

  std::unique_ptr<Balancer> round_robin_;
  std::unique_ptr<int64_t[]> current_;
};

}  // namespace

Balancer* make_least_conn(const Pool& pool) {
  return new LeastConn(pool);
}

}  // namespace weir::model
