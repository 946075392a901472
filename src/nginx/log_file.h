#pragma once
// Log files of the access and error logs. One LogFile per path and process, opened while the configuration is read (with
// the rights to do so) and kept to the process's end; reopening keeps the descriptor's number, so no writer has to know.
#include <cstdint>
#include <string>
#include <vector>

#include "base/str.h"
#include "model/load.h"

namespace weir::nginx {

struct LogFile {
  std::string path;  // empty: stderr
  int fd = -1;
  size_t index = 0;  // among all files of the process
  // access_log's buffer=, flush= and gzip=, for all lines of the file.
  size_t buffer = 0;
  uint32_t flush_ms = 0;
  int gzip = 0;
};

// The file of that path, opened for appending; -1 in fd with errno in `error` when it cannot be. With `dry`, nothing is
// opened: only checking.
LogFile* open_log(const std::string& path, bool dry, int& error);
LogFile* stderr_log();
// Whether logs are only named. nginx -t opens them.
bool logs_stay_closed(const model::LoadOptions& options);
// Opens all files anew under their names (after logrotate moved them). One that cannot be opened keeps its descriptor and
// is named in the error log. From any thread.
void reopen_logs();
// Lets all files go, for a process that waits; reopen_logs brings them back.
void close_logs();
// The files that reopen_logs opens.
std::vector<std::string> log_paths();
// One whole line or several; lines of different threads do not mix. Errors are lost, there is nowhere to report them.
void write_log(const LogFile& file, Str lines);

}  // namespace weir::nginx
