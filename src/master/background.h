#pragma once
// Work beside serving processes, such as reading a configuration for the next one, that requests must not wait for.

namespace weir::master {

// While it lives, this thread runs in short slices (Linux 6.12 and later), and at a lower priority where the process may raise
// it again (sched_setattr(2)); threads and processes that it starts meanwhile do so for good.
class Background {
 public:
  Background();
  ~Background();
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;
  // It stays so until the process ends, with the lowest priority.
  static void for_good();

 private:
  int priority_;
};

}  // namespace weir::master
