// See master/background.h.
#include "master/background.h"

#include <linux/capability.h>
#include <sched.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

namespace weir::master {
namespace {

constexpr uint64_t kSliceNs = 100'000;  // the shortest that the kernel takes
constexpr int kLower = 10;
constexpr int kLowest = 19;

// The C library knows neither the structure nor the call.
struct Attributes {
  uint32_t size = sizeof(Attributes);
  uint32_t policy = SCHED_OTHER;
  uint64_t flags = 0;
  int32_t nice;
  uint32_t rt_priority = 0;
  uint64_t runtime_ns;  // of SCHED_OTHER: its slice; 0: the system's
  uint64_t deadline = 0, period = 0;
};

void schedule(int nice, uint64_t slice_ns) {
  // Who chose another policy for the whole program knows why.
  if (sched_getscheduler(0) != SCHED_OTHER) return;
  Attributes attributes{.nice = nice, .runtime_ns = slice_ns};
  syscall(SYS_sched_setattr, 0, &attributes, 0);
}

// capabilities(7): in a container root may be without it.
bool may_change_scheduling() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {};
  return syscall(SYS_capget, &header, sets) == 0 && (sets[0].effective & (1U << CAP_SYS_NICE)) != 0;
}

// getrlimit(2), RLIMIT_NICE
bool may_raise_to(int nice) {
  rlimit limit;
  return may_change_scheduling() ||
         (getrlimit(RLIMIT_NICE, &limit) == 0 && 20 - static_cast<int64_t>(limit.rlim_cur) <= nice);
}

}  // namespace

Background::Background() : priority_(getpriority(PRIO_PROCESS, 0)) {
  schedule(may_raise_to(priority_) ? std::min(priority_ + kLower, kLowest) : priority_, kSliceNs);
}

Background::~Background() {
  schedule(priority_, 0);
}

void Background::for_good() {
  schedule(kLowest, kSliceNs);
}

}  // namespace weir::master
