#pragma once
// How long a script of a state runs without a wait, told without a look at any clock: the shard's thread counts when a script is
// entered and when it is left, and a watcher on another thread (lua/watch.h) looks now and then whether it is still the same. One
// that has run for too long is ordered to stop; the checks in its loops (lua/loop_guard.h) read that. The order ends with the run that it is for.
#include <atomic>
#include <cstdint>
#include <string>

namespace weir::lua {

class Burst {
 public:
  // --- on the shard's thread ---
  // `script`: how people call it; lives as long as the state.
  void enter(const std::string* script) {
    script_.store(script, std::memory_order_relaxed);
    count();
  }
  void leave() { count(); }
  // Read by the checks: negative while the script has to stop.
  const void* word() const { return &word_; }
  uint32_t limit_ms() const { return limit_ms_.load(std::memory_order_relaxed); }

  // --- on the watcher's thread ---
  enum class Sight : uint8_t {
    well,
    stopped,  // from now on its checks raise an error
    held,  // it goes on, or waits, for two limits; said once
  };
  // How much time has passed since the last look: of the processor, which the limit is about, and on the wall.
  struct Passed {
    uint32_t busy_ms;
    uint32_t wall_ms;
  };
  Sight look(Passed passed, uint32_t limit_ms) {
    uint32_t word = word_.load(std::memory_order_acquire);
    const uint32_t run = word & ~kStop;
    if (run != seen_ || !(run & 1)) {
      seen_ = run;
      busy_ms_ = held_ms_ = 0;
      told_ = false;
      return Sight::well;
    }
    busy_ms_ += passed.busy_ms;
    held_ms_ += passed.wall_ms;
    if (word == run && busy_ms_ >= limit_ms) {
      limit_ms_.store(limit_ms, std::memory_order_relaxed);
      return word_.compare_exchange_strong(word, run | kStop) ? Sight::stopped : Sight::well;
    }
    if (told_ || held_ms_ / 2 < limit_ms) return Sight::well;
    told_ = true;
    return Sight::held;
  }
  const std::string& script() const { return *script_.load(std::memory_order_relaxed); }

 private:
  static constexpr uint32_t kStop = 1u << 31;

  void count() {
    word_.store(((word_.load(std::memory_order_relaxed) & ~kStop) + 1) & ~kStop, std::memory_order_release);
  }

  std::atomic<uint32_t> word_{0};  // odd: a script runs
  std::atomic<uint32_t> limit_ms_{0};  // of the order
  std::atomic<const std::string*> script_{nullptr};
  uint32_t seen_ = 0;  // the word at the last look
  uint64_t busy_ms_ = 0;
  uint64_t held_ms_ = 0;
  bool told_ = false;
  static_assert(sizeof word_ == 4 && decltype(word_)::is_always_lock_free);
};

}  // namespace weir::lua
