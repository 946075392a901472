#pragma once
// What a service manager is told (sd_notify(3)): that the process is ready, reloads, stops, and, where it asks for that,
// every so often that all is well. Silent where nobody asked ($NOTIFY_SOCKET, $WATCHDOG_USEC).
#include <uv.h>

#include <sys/types.h>

#include <atomic>
#include <functional>
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
  // `asked`: the process that the manager asked for signs; its workers give them to it.
  explicit Watchdog(pid_t asked);
  // --- on the master's poll loop ---
  // When the next sign is due, on the monotonic clock; 0: never.
  uint64_t next_ms() const { return next_ms_; }
  // Gives one that is due, if the worker that serves has given one since the last.
  void beat(uint64_t now_ms, uint64_t worker_said_ms);

  // --- in a process that serves ---
  // Calls `sign` each time that all shards have answered since the last one. To be called once they run; the Watchdog has to
  // outlive the worker's loop.
  void watch(Worker& worker, std::function<void()> sign);

 private:
  void ask();

  uint32_t period_ms_ = 0;  // 0: nobody asked
  uint64_t next_ms_ = 0;
  Worker* worker_ = nullptr;
  std::function<void()> sign_;
  uv_timer_t timer_;
  std::atomic<int> unanswered_{0};
};

}  // namespace weir::master
