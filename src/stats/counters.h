#pragma once
// Counts of connections and requests of all workers that share the memory, for stub_status and the statistics page. Each thread counts in a
// structure of its own, so counting is a plain store; readers add the threads up. A thread's counts stay after its end, and after its worker's.
#include <atomic>
#include <cstdint>

namespace weir::stats {

struct alignas(64) Counters {
  std::atomic<uint64_t> accepted{0};  // client connections taken from the kernel
  std::atomic<uint64_t> handled{0};  // of those, the ones that were served (not over a limit)
  std::atomic<uint64_t> requests{0};  // request heads that arrived
  std::atomic<int64_t> active{0};  // client connections open now, the idle ones included
  std::atomic<int64_t> writing{0};  // requests that are being answered
  std::atomic<int64_t> waiting{0};  // connections without a request under way
};

// Before a worker's threads begin to count: lets them do it in shared memory; see base/shared_records.h.
void share_counters();

// This thread's. Only this thread may write it, through bump().
Counters& counters();

template <class T>
void bump(std::atomic<T>& counter, T by = 1) {
  counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
}

struct Totals {
  uint64_t accepted = 0, handled = 0, requests = 0;
  int64_t active = 0, reading = 0, writing = 0, waiting = 0;  // reading: a request head has begun and is not complete
};
Totals totals();

}  // namespace weir::stats
