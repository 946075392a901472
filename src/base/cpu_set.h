#pragma once
// A set of processors by the system's numbers.
#include <sched.h>

#include <cstddef>

namespace weir {

class CpuSet {
 public:
  static constexpr size_t kMost = CPU_SETSIZE;

  CpuSet() { CPU_ZERO(&set_); }
  // Those that this process may run on.
  static CpuSet usable() {
    CpuSet all;
    if (sched_getaffinity(0, sizeof all.set_, &all.set_) != 0) all.add(0);
    return all;
  }
  void add(size_t cpu) { CPU_SET(cpu, &set_); }
  bool has(size_t cpu) const { return CPU_ISSET(cpu, &set_); }
  size_t count() const { return static_cast<size_t>(CPU_COUNT(&set_)); }
  const cpu_set_t& get() const { return set_; }

 private:
  cpu_set_t set_;
};

}  // namespace weir
