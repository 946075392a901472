#pragma once
// Replacing the program in the master's own process, as HAProxy's master does on a reload: its process id, sockets, shared memory,
// workers and the sessions of its command line stay. What it has is written down for the new program: the testament, in memory at
// the descriptor $WEIR_TESTAMENT.
//
// A program that was executed cannot be taken back. So the new one is started in a child first, with `-c` and the testament:
// it reads both and says by its exit code that it could go on (a program that knows nothing of testaments checks the file and
// does not). It is executed after that, and reads no configuration before it has taken over: whatever is wrong then, the
// workers that serve have a master.
#include <string>

#include "master/start.h"

namespace weir::master {

// The testament that was left to this process, or to try; empty: none. Clears the environment of it.
std::string take_testament();

// The exit code of a program that could go on.
inline constexpr int kCouldGoOn = 61;
// Ends the process that tries: with that code if the testament is understood.
[[noreturn]] void say_whether_it_could(Job& job, const std::string& testament);

// The master's work from here on; returns the exit code.
int go_on(Job& job, const std::string& testament);

}  // namespace weir::master
