// The loop of net/loop.h: wait, dispatch, flush, run tasks, fire timers, let libuv have its turn, free what was retired.
#include "net/loop.h"

#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "base/clock.h"
#include "base/fault.h"
#include "net/conn.h"

namespace weir::net {

thread_local Loop* Loop::t_current = nullptr;

namespace {
constexpr int kTaskRounds = 4;
}  // namespace

Loop::Loop() : now_(clock_ms(CLOCK_MONOTONIC)), wheel_(now_) {
  uv_loop_init(&uv_);
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  read_buffer_ = static_cast<char*>(fault::malloc(fault::Site::alloc_loop, kReadBuffer));
  scratch_ = static_cast<char*>(fault::malloc(fault::Site::alloc_loop, kWriteScratch));
  if (!add(uv_backend_fd(&uv_), &uv_watch_, EPOLLIN)) {
    close(epoll_);
    epoll_ = -1;  // not ready()
  }
  t_current = this;
}

Loop::~Loop() {
  // Handles that their owners closed on the way down still want their close callbacks.
  for (int i = 0; i < 16 && uv_loop_close(&uv_) == UV_EBUSY; i++) uv_run(&uv_, UV_RUN_NOWAIT);
  free_retired();
  close(epoll_);
  free(read_buffer_);
  free(scratch_);
  t_current = nullptr;
}

bool Loop::add(int fd, IoHandler* handler, uint32_t events) {
  epoll_event ev{};
  ev.events = events;
  ev.data.ptr = handler;
  return fault::epoll_ctl(fault::Site::epoll_ctl, epoll_, EPOLL_CTL_ADD, fd, &ev) == 0;
}

void Loop::remove(int fd) {
  fault::epoll_ctl(fault::Site::epoll_ctl, epoll_, EPOLL_CTL_DEL, fd, nullptr);
}

void Loop::retire(Task* task) {
  task->TaskLink::unlink();
  retired_.push_front(task);
}

void Loop::free_retired() {
  while (Task* task = retired_.pop_front()) task->destroy();
}

void Loop::update_clock() {
  now_ = clock_ms(CLOCK_MONOTONIC);
}

uint64_t Loop::wall_us() const {
  timespec ts;
  clock_gettime(CLOCK_REALTIME, &ts);
  return static_cast<uint64_t>(ts.tv_sec) * 1000000 + static_cast<uint64_t>(ts.tv_nsec) / 1000;
}

char* Loop::scratch(Conn* conn) {
  if (scratch_owner_ != conn) {
    flush_scratch();
    scratch_owner_ = conn;
  }
  return scratch_ + scratch_used;
}

void Loop::flush_scratch() {
  if (scratch_owner_) scratch_owner_->flush();
}

// What the tasks queue in turn runs too, but only so often: somebody who always has more to do may not keep the others from
// their events.
void Loop::run_tasks() {
  for (int round = 0; round < kTaskRounds; round++) {
    if (tasks_.empty()) return;
    decltype(tasks_) due;
    due.splice_back(tasks_);
    while (Task* task = due.pop_front()) {
      step();
      task->run_task();
      flush_scratch();
    }
  }
}

int Loop::wait_ms() const {
  if (!tasks_.empty()) return 0;
  uint64_t next = wheel_.next();
  uint64_t wait = next == Wheel::kNever ? INT32_MAX : (next > now_ ? next - now_ : 0);
  int uv_wait = uv_backend_timeout(&uv_);
  if (uv_wait >= 0) wait = std::min(wait, static_cast<uint64_t>(uv_wait));
  return wait >= INT32_MAX ? -1 : static_cast<int>(wait);
}

void Loop::run_uv() {
  step();
  uv_touched_ = false;
  uv_run(&uv_, UV_RUN_NOWAIT);
  flush_scratch();
}

void Loop::run() {
  constexpr int kBatch = 128;
  epoll_event events[kBatch];
  while (!stopped_) {
    if (uv_touched_) run_uv();
    run_tasks();
    if (stopped_) break;
    int n = epoll_wait(epoll_, events, kBatch, wait_ms());
    update_clock();
    bool uv_ready = false;
    for (int i = 0; i < n; i++) {
      auto* handler = static_cast<IoHandler*>(events[i].data.ptr);
      if (handler == &uv_watch_) {
        uv_ready = true;
        continue;
      }
      step();
      handler->on_io(events[i].events);
      flush_scratch();
    }
    if (wheel_.next() <= now_) {
      step();
      wheel_.advance(now_);
      flush_scratch();
    }
    run_tasks();
    if (uv_ready || uv_backend_timeout(&uv_) == 0) run_uv();
    free_retired();
  }
}

}  // namespace weir::net
