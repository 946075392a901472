#pragma once
// Lines on their way to a log file, gathered per thread: without `buffer=` the first one since the loop last waited goes at
// once and the others before it waits again; with `buffer=` they go when the buffer is full or the flush time has passed.
// What a thread still holds is written when it ends.
#include "base/str.h"
#include "nginx/log_file.h"

namespace weir::nginx {

// `line` ends with a line feed.
void append_log(const LogFile& file, Str line);
// Writes what this thread holds.
void flush_logs();

}  // namespace weir::nginx
