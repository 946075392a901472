#pragma once
// What was said from the start, or from a reload, until it had succeeded or failed: for `show startup-logs` and for the
// answer to `reload`. The memory is shared by the processes of one start, because the worker reads the file and the master
// is asked. Part of a Voice.
#include <string>

#include "base/str.h"

namespace weir::master {

class StartupLog {
 public:
  StartupLog() = default;
  ~StartupLog();
  StartupLog(const StartupLog&) = delete;
  StartupLog& operator=(const StartupLog&) = delete;

  // A start or a reload begins: what was is forgotten here, and processes that are forked from now on add to the same text.
  void begin();
  // Adds a line while something is starting. What does not fit is left out.
  void add(Str line);
  // For this process the start is over: it adds nothing more and keeps the text.
  void end();

  std::string text() const;

 private:
  struct Shared;
  void release();

  Shared* shared_ = nullptr;
  std::string kept_;
};

}  // namespace weir::master
