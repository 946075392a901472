// See stats/counters.h.
#include "stats/counters.h"

#include <algorithm>
#include <deque>
#include <mutex>

namespace weir::stats {
namespace {

struct All {
  std::mutex lock;
  std::deque<Counters> threads;
};
All& all() {
  static auto* instance = new All;  // threads may end after static objects
  return *instance;
}

Counters& add_thread() {
  std::lock_guard guard(all().lock);
  return all().threads.emplace_back();
}

}  // namespace

Counters& counters() {
  thread_local Counters& mine = add_thread();
  return mine;
}

Totals totals() {
  Totals sum;
  std::lock_guard guard(all().lock);
  constexpr auto kRelaxed = std::memory_order_relaxed;
  for (const Counters& c : all().threads) {
    sum.accepted += c.accepted.load(kRelaxed);
    sum.handled += c.handled.load(kRelaxed);
    sum.requests += c.requests.load(kRelaxed);
    sum.active += c.active.load(kRelaxed);
    sum.writing += c.writing.load(kRelaxed);
    sum.waiting += c.waiting.load(kRelaxed);
  }
  sum.reading = std::max<int64_t>(0, sum.active - sum.writing - sum.waiting);
  return sum;
}

}  // namespace weir::stats
