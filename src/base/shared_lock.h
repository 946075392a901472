#pragma once
// A lock in memory that several processes share. It knows its holder, so that one who died with it does not keep it for ever.
#include <atomic>
#include <cstdint>

namespace weir {

class SharedLock {
 public:
  // Waits for it. False: the last holder died while it held it, and what the lock guards may be half changed. The lock is
  // held either way.
  [[nodiscard]] bool lock();
  void unlock() { owner_.store(0, std::memory_order_release); }

 private:
  std::atomic<uint32_t> owner_;  // thread id of the holder, 0: free
};

}  // namespace weir
