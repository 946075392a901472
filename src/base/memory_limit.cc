// See base/memory_limit.h.
#include "base/memory_limit.h"

#include <fmt/format.h>
#include <sys/resource.h>

namespace weir {

std::string memory_limit() {
  rlimit memory{};
  if (getrlimit(RLIMIT_DATA, &memory) != 0 || memory.rlim_cur == RLIM_INFINITY) return {};
  return fmt::format(" (memory is limited to {} megabytes, see -m and RLIMIT_DATA)", memory.rlim_cur >> 20);
}

}  // namespace weir
