#pragma once
// Going into the background so that whoever started the program learns how that went, and pid files. Used by the process
// that was started and by the one that stays.
#include <sys/types.h>

#include <string>

namespace weir::master {

class Daemon {
 public:
  // Forks. The starting process waits here until the other one is ready or gone, and exits with 0 or its exit code.
  // The one that goes on is a session of its own. False when the fork failed.
  bool detach();
  // Serving: lets the starting process go and, with `close_output`, gives up its terminal.
  void ready(bool close_output);
  // In a process that has nothing to tell the starting one: gives up its terminal, if it is in the background.
  void let_go(bool close_output);
  bool detached() const { return pipe_ >= 0; }  // and nobody was told yet
  bool was_detached() const { return detached_; }

 private:
  int pipe_ = -1;
  bool detached_ = false;
};

// Standard input, output and, with `errors`, standard error lead nowhere from here on.
void give_up_output(bool errors);

// Writes the process id. False with errno set.
bool write_pid_file(const std::string& path);
// The one in it; -1: none.
pid_t read_pid_file(const std::string& path);

}  // namespace weir::master
