#pragma once
// What ps(1) shows of a process. nginx's processes say what they are, and people's scripts look for that.
#include "base/str.h"

namespace weir::master {

// Before the first title: copies arguments and environment, so that the room where they lay can hold one. `argv` points to the
// copies afterwards.
void make_room_for_title(int argc, char** argv);
// Without room, and of what does not fit, nothing is shown. Not for threads.
void set_title(Str text);
// The command line as it was, words separated by spaces.
Str command_line();

}  // namespace weir::master
