#pragma once
// Named pieces of memory that all threads of the machine's weir processes share and that outlive a configuration: limit
// zones and the like. A zone is a memfd that is kept by name; children that are forked have it too, and what a child makes it
// hands to its parent (each, adopt), so that a new generation counts in the same memory. All functions are safe on any
// thread.
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "base/str.h"

namespace weir {

struct SharedZone {
  std::string name;  // "limit_req:one"
  uint64_t layout = 0;  // what the users understand by the bytes; another layout or size is another zone
  size_t size = 0;
  int fd = -1;
  bool used = false;  // open() or find() gave it out since forget_use()
  bool inherited = false;  // was there at forget_use()
  char* data = nullptr;  // zeroed when new; the same address is not promised in another process

  // The zone of that name, layout and size, made when there is none. Null with errno.
  static SharedZone* open(Str name, uint64_t layout, size_t size);
  // Null where this process has none.
  static SharedZone* find(Str name, uint64_t layout, size_t size);
  // Takes a zone over that another process made. False when it cannot be mapped.
  static bool adopt(Str name, uint64_t layout, size_t size, int fd);
  // Calls `visit` for each zone of this process.
  static void each(const std::function<void(SharedZone& zone)>& visit);
  // A new generation begins in this process: it has used nothing yet.
  static void forget_use();
  // Unmaps and closes each zone that `unused` says nobody needs; nobody may hold a pointer to it in this process.
  static void drop(const std::function<bool(const SharedZone& zone)>& unused);
  // Equal for equal zones.
  std::string key() const;
};

}  // namespace weir
