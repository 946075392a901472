// nginx's random (ngx_http_upstream_random_module): a server by its weight, or the less busy of two. After kTries servers
// that could not be used, round robin decides.
#include <memory>
#include <random>

#include "balance/methods.h"
#include "net/loop.h"

namespace weir::model {
namespace {

constexpr int kTries = 20;

class Random final : public Balancer {
 public:
  Random(const Pool& pool, bool two) : round_robin_(make_smooth_round_robin(pool)), two_(two) {}
  Str name() const override { return "random"; }

  const Server* pick(const Pool& pool, proxy::Transaction& txn, const Tried& tried) override {
    const Server* first = nullptr;
    uint64_t now = net::Loop::current().now();
    for (int i = 0; i < kTries && pool.servers.size > 1; i++) {
      const Server* s = draw(pool);
      if (!s || s == first || tried.has(s->slot) || !usable(*s, now)) continue;
      if (!two_) return s;
      if (!first) {
        first = s;
        continue;
      }
      return load(*s, *first) < load(*first, *s) ? s : first;
    }
    return first ? first : round_robin_->pick(pool, txn, tried);
  }

 private:
  static int64_t load(const Server& s, const Server& other) {
    return int64_t{s.state->current.read()} * other.state->weight.load(std::memory_order_relaxed);
  }
  static int64_t weight(const Server& s) { return s.backup ? 0 : s.state->weight.load(std::memory_order_relaxed); }

  static const Server* draw(const Pool& pool) {
    thread_local std::minstd_rand generator{std::random_device{}()};
    int64_t sum = 0;
    for (const Server* s : pool.servers) sum += weight(*s);
    if (sum <= 0) return nullptr;
    int64_t point = std::uniform_int_distribution<int64_t>(0, sum - 1)(generator);
    for (const Server* s : pool.servers)
      if ((point -= weight(*s)) < 0) return s;
    return nullptr;
  }

  std::unique_ptr<Balancer> round_robin_;
  const bool two_;
};

}  // namespace

Balancer* make_random(const Pool& pool, bool two) {
  return new Random(pool, two);
}

}  // namespace weir::model
