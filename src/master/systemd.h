#pragma once
// What a service manager is told (sd_notify(3)): that the process is ready, reloads, stops, and, where it asks for that,
// every so often that all is well. Silent where nobody asked ($NOTIFY_SOCKET, $WATCHDOG_USEC).
#include <uv.h>

#include <atomic>
#include <string>

namespace weir::master {

class Worker;

// "READY=1" and the like.
void notify_systemd(const std::string& state);
// What is said when a reload begins.
std::string reloading_state();

// The signs of life, twice in the time that the manager waits for one.
class Watchdog {
 public:
  Watchdog();
  // --- on the master's poll loop ---
  // When the next sign is due, on the monotonic clock; 0: never.
  uint64_t next_ms() const { return next_ms_; }
  // Gives one that is due, if a worker lives.
  void beat(uint64_t now_ms, bool alive);

  // --- in a process without a master ---
  // A sign means that all shards have answered since the last one. To be called once they run; the Watchdog has to outlive the
  // worker's loop.
  void watch(Worker& worker);

 private:
  void ask();

  uint32_t period_ms_ = 0;  // 0: nobody asked
  uint64_t next_ms_ = 0;
  Worker* worker_ = nullptr;
  uv_timer_t timer_;
  std::atomic<int> unanswered_{0};
};

}  // namespace weir::master
