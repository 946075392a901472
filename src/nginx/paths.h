#pragma once
// root and alias: from a request's URI to a file, and opening files under disable_symlinks. Used by everything that serves
// or looks for files.
#include <sys/stat.h>

#include "nginx/module.h"
#include "nginx/request.h"

namespace weir::nginx {

extern const Module kPathsModule;

struct FilePath {
  Str path;  // ends with a NUL behind it
  size_t root = 0;  // its first bytes are the root (or the alias)
};
// The file of `uri`; false when the location's alias does not fit it (a rewritten URI): answer 500 then.
bool map_path(proxy::Transaction& txn, Str uri, FilePath& out);
// The root (or alias) in charge.
Str document_root(proxy::Transaction& txn);
// How many bytes of the URI the location's alias stands for: 0 with root, npos where it stands for all (regex locations).
size_t alias_length(const Location& location);

// What is there. `fd` stays open only when asked for and it is a regular file.
struct FileInfo {
  int fd = -1;
  int error = 0;  // errno, 0: found
  Str failed;  // the call that failed, as log lines name it: "open()", "stat()"
  bool dir = false;
  bool regular = false;
  uint64_t size = 0;
  int64_t mtime = 0;
};
FileInfo look_at(proxy::Transaction& txn, const FilePath& file, bool open);
// The answer to an errno of look_at, with its log line.
proxy::Next file_error(proxy::Transaction& txn, const FileInfo& info, Str path);

}  // namespace weir::nginx
