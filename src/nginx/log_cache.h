#pragma once
// open_log_file_cache: descriptors of logs whose names contain variables, per thread.
#include <cstdint>
#include <string>

namespace weir::nginx {

struct LogCache {
  uint32_t max = 0;
  uint32_t min_uses = 1;
  uint64_t inactive_ms = 10000;
  uint64_t valid_ms = 60000;
};

struct OpenLog {
  int fd = -1;  // -1: errno says why
  bool close_after = false;
};
// The log of that path, opened when it is not held. Null `cache`: always opened.
OpenLog open_cached_log(const LogCache* cache, const std::string& path, uint64_t now_ms);

}  // namespace weir::nginx
