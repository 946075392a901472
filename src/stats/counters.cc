// See stats/counters.h.
#include "stats/counters.h"

#include <algorithm>
#include <deque>
#include <mutex>

#include "base/gauge.h"
#include "base/shared_records.h"

namespace weir::stats {
namespace {

constexpr size_t kThreads = 64;

// Of all workers, by slot.
struct ProcessCounters {
  Counters threads[kWorkerSlots][kThreads];

  void forget(int slot) {
    for (Counters& c : threads[slot])
      for (auto* now : {&c.active, &c.writing, &c.waiting}) *now = 0;
  }
};
const KindOf<ProcessCounters> kProcess("process 1");

struct All {
  std::mutex lock;
  ProcessCounters* shared = nullptr;
  size_t used = 0;  // of this worker's in `shared`
  std::deque<Counters> more;  // where that is not there, or full
};
All& all() {
  static auto* instance = new All;  // threads may end after static objects
  return *instance;
}

Counters& add_thread() {
  std::lock_guard guard(all().lock);
  All& a = all();
  if (a.shared && a.used < kThreads) return a.shared->threads[g_worker_slot][a.used++];
  return a.more.emplace_back();
}

void add(Totals& sum, const Counters& c) {
  constexpr auto kRelaxed = std::memory_order_relaxed;
  sum.accepted += c.accepted.load(kRelaxed);
  sum.handled += c.handled.load(kRelaxed);
  sum.requests += c.requests.load(kRelaxed);
  sum.active += c.active.load(kRelaxed);
  sum.writing += c.writing.load(kRelaxed);
  sum.waiting += c.waiting.load(kRelaxed);
}

}  // namespace

void share_counters() {
  std::lock_guard guard(all().lock);
  all().shared = SharedRecords::get(kProcess, "");
}

Counters& counters() {
  thread_local Counters& mine = add_thread();
  return mine;
}

Totals totals() {
  Totals sum;
  std::lock_guard guard(all().lock);
  if (all().shared)
    for (auto& worker : all().shared->threads)
      for (const Counters& c : worker) add(sum, c);
  for (const Counters& c : all().more) add(sum, c);
  sum.reading = std::max<int64_t>(0, sum.active - sum.writing - sum.waiting);
  return sum;
}

}  // namespace weir::stats
