#pragma once
// Named pieces of memory that all threads of the machine's weir processes share and that outlive a configuration: limit
// zones and the like. A zone is a memfd that is kept by name for the life of the process; whoever supervises it hands the
// descriptors on (each, adopt), so that a new generation counts in the same memory. Zones are never unmapped. All functions
// are safe on any thread.
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/str.h"

namespace weir {

struct SharedZone {
  std::string name;  // "limit_req:one"
  uint64_t layout = 0;  // what the users understand by the bytes; another layout or size is another zone
  size_t size = 0;
  int fd = -1;
  char* data = nullptr;  // zeroed when new; the same address is not promised in another process

  // The zone of that name, layout and size, made when there is none. Null with errno.
  static SharedZone* open(Str name, uint64_t layout, size_t size);
  // Takes a zone over that another process made. False when it cannot be mapped.
  static bool adopt(Str name, uint64_t layout, size_t size, int fd);
  // Calls `visit` for each zone of this process.
  static void each(void (*visit)(const SharedZone& zone, void* data), void* data);
};

}  // namespace weir
