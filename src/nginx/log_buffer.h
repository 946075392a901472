#pragma once
// Lines on their way to a log file, gathered per thread: without `buffer=` until the loop waits again, with it until the
// buffer is full or the flush time has passed. What a thread still holds is written when it ends.
#include "base/str.h"
#include "nginx/log_file.h"

namespace weir::nginx {

// `line` ends with a line feed.
void append_log(const LogFile& file, Str line);
// Writes what this thread holds.
void flush_logs();

}  // namespace weir::nginx
