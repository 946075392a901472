// See master/systemd.h.
#include "master/systemd.h"

#include <fmt/format.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>

#include "base/str.h"
#include "master/worker.h"

namespace weir::master {
namespace {

uint64_t monotonic_us() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000000 + static_cast<uint64_t>(now.tv_nsec) / 1000;
}

uint64_t number(const char* name) {
  const char* text = getenv(name);
  return text ? parse_u64(text).value_or(0) : 0;
}

}  // namespace

void notify_systemd(const std::string& state) {
  const char* path = getenv("NOTIFY_SOCKET");
  if (!path || (path[0] != '/' && path[0] != '@')) return;
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  size_t size = strlen(path);
  if (size >= sizeof to.sun_path) return;
  memcpy(to.sun_path, path, size);
  if (path[0] == '@') to.sun_path[0] = 0;
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  sendto(fd, state.data(), state.size(), MSG_NOSIGNAL, reinterpret_cast<sockaddr*>(&to),
         static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + size));
  close(fd);
}

std::string reloading_state() {
  return fmt::format("RELOADING=1\nMONOTONIC_USEC={}\nSTATUS=Reloading Configuration.\n", monotonic_us());
}

Watchdog::Watchdog(pid_t asked) {
  uint64_t us = number("WATCHDOG_USEC");
  uint64_t pid = number("WATCHDOG_PID");
  if (us == 0 || (pid != 0 && pid != static_cast<uint64_t>(asked))) return;
  period_ms_ = static_cast<uint32_t>(std::clamp<uint64_t>(us / 2000, 1, INT32_MAX));
  next_ms_ = monotonic_us() / 1000 + period_ms_;
}

void Watchdog::beat(uint64_t now_ms, uint64_t worker_said_ms) {
  if (next_ms_ == 0 || now_ms < next_ms_) return;
  const uint64_t last_ms = next_ms_ - period_ms_;
  next_ms_ = now_ms + period_ms_;
  // Its clock is not ours: a sign may come just after the one that it was for.
  if (worker_said_ms + period_ms_ > last_ms) notify_systemd("WATCHDOG=1");
}

void Watchdog::watch(Worker& worker, std::function<void()> sign) {
  if (period_ms_ == 0) return;
  worker_ = &worker;
  sign_ = std::move(sign);
  uv_timer_init(worker.loop(), &timer_);
  timer_.data = this;
  ask();
  auto tick = [](uv_timer_t* t) {
    auto* self = static_cast<Watchdog*>(t->data);
    if (self->unanswered_.load() > 0) return;
    self->sign_();
    self->ask();
  };
  uv_timer_start(&timer_, tick, period_ms_, period_ms_);
}

// A shard that has ended, in a process that drains, owes no answer.
void Watchdog::ask() {
  for (int i = 0; i < worker_->shard_count(); i++) {
    unanswered_.fetch_add(1);
    if (!worker_->post(i, [this](proxy::Shard&) { unanswered_.fetch_sub(1); })) unanswered_.fetch_sub(1);
  }
}

}  // namespace weir::master
