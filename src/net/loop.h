#pragma once
// One event loop per thread. Sockets of the data path live in an edge-triggered epoll set of our own that the loop waits
// on; libuv's descriptor (uv_backend_fd) is a member of that set, so timers, signals, the thread pool, DNS and messages
// between threads run through libuv without costing the data path a system call. See src/README.md for the measurement.
//
// Rules: nothing re-enters. A handler never calls into another connection's handler; it marks it ready and the loop runs it.
// An object that handlers may still name is freed through `retire`, after the batch.
#include <sys/uio.h>
#include <uv.h>

#include <atomic>
#include <cstdint>

#include "base/list.h"
#include "base/wheel.h"

namespace weir::net {

class Conn;

// Something with a descriptor in the loop's set.
class IoHandler {
 public:
  // `events`: EPOLLIN, EPOLLOUT, EPOLLRDHUP, EPOLLHUP, EPOLLERR as reported, edge-triggered.
  virtual void on_io(uint32_t events) = 0;

 protected:
  ~IoHandler() = default;
};

// Something that the loop runs once, soon: after the current event, before it waits again.
struct TaskLink : Link {};

class Task : public TaskLink {
 public:
  virtual void run_task() = 0;
  virtual void destroy() {}  // frees the object, for Loop::retire

 protected:
  ~Task() { TaskLink::unlink(); }
};

class Loop {
 public:
  static constexpr size_t kReadBuffer = 64 * 1024;
  static constexpr size_t kWriteScratch = 32 * 1024;

  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  void run();  // until stop()
  void stop() { stopped_ = true; }

  // Registers once for the life of the descriptor. False with errno set when the kernel refuses.
  bool add(int fd, IoHandler* handler, uint32_t events);
  void remove(int fd);
  void soon(Task* task) {
    if (!task->TaskLink::linked()) tasks_.push_back(task);
  }
  // Destroys it after the current batch of events; until then it is not run any more.
  void retire(Task* task);
  // run() does; for who ends things after it.
  void free_retired();

  // Counts what the loop has done, event by event. For any thread; who sees it stand still sees one thing that takes long.
  uint32_t steps() const { return steps_.load(std::memory_order_relaxed); }

  // The loop's clock, read once per wake-up. Milliseconds, monotonic.
  uint64_t now() const { return now_; }
  void update_clock();
  // Wall clock of the last wake-up. Microseconds since 1970.
  uint64_t wall_us() const;
  void arm(Timer& t, uint64_t after_ms) { wheel_.set(t, now_ + after_ms); }
  void disarm(Timer& t) { wheel_.cancel(t); }

  // libuv handles may be created on this loop; call `uv_touched` afterwards so that it registers them before waiting.
  uv_loop_t* uv() { return &uv_; }
  void uv_touched() { uv_touched_ = true; }

  bool ready() const { return epoll_ >= 0 && read_buffer_ && scratch_; }
  char* read_buffer() { return read_buffer_; }

  static Loop& current() { return *t_current; }
  // Whether this thread has a loop at all (configuration and control threads may have none).
  static bool has_current() { return t_current != nullptr; }

  // Bytes that a connection is about to send are gathered here until the event ends or body bytes join them.
  // One connection at a time: taking it flushes whoever had it.
  char* scratch(Conn* conn);
  Conn* scratch_owner() const { return scratch_owner_; }
  uint32_t scratch_used = 0;
  void release_scratch() {
    scratch_owner_ = nullptr;
    scratch_used = 0;
  }
  const char* scratch_data() const { return scratch_; }

 private:
  void step() { steps_.store(steps_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed); }
  void run_tasks();
  void flush_scratch();
  void run_uv();
  int wait_ms() const;

  struct UvWatch : IoHandler {
    void on_io(uint32_t) override {}
  };

  static thread_local Loop* t_current;
  uv_loop_t uv_;
  int epoll_ = -1;
  bool stopped_ = false;
  bool uv_touched_ = true;
  std::atomic<uint32_t> steps_{0};
  uint64_t now_ = 0;
  Wheel wheel_;
  List<Task, TaskLink> tasks_;
  List<Task, TaskLink> retired_;
  char* read_buffer_;
  char* scratch_;
  Conn* scratch_owner_ = nullptr;
  UvWatch uv_watch_;
};

}  // namespace weir::net
