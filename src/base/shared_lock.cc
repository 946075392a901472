// See base/shared_lock.h.
#include "base/shared_lock.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

namespace weir {
namespace {

constexpr int kSpins = 200;

// Of this thread, asked for once; a forked child asks again.
uint32_t thread_id() {
  static thread_local uint32_t id = 0;
  [[maybe_unused]] static const int watched = pthread_atfork(nullptr, nullptr, [] { id = 0; });
  if (id == 0) id = static_cast<uint32_t>(gettid());
  return id;
}

}  // namespace

bool SharedLock::lock() {
  const uint32_t self = thread_id();
  for (int spins = 0;; spins++) {
    uint32_t owner = 0;
    if (owner_.compare_exchange_weak(owner, self, std::memory_order_acquire)) return true;
    if (spins < kSpins || owner == 0) continue;
    sched_yield();
    if (spins % 1000 != 0 || kill(static_cast<pid_t>(owner), 0) == 0 || errno != ESRCH) continue;
    if (owner_.compare_exchange_strong(owner, self, std::memory_order_acquire)) return false;
  }
}

}  // namespace weir
