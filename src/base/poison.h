#pragma once
// Memory that a pool keeps for later is out of bounds for AddressSanitizer, as freed memory is. In other builds nothing happens.
#include <cstddef>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

namespace weir {

// Whether the build looks for memory that nobody frees, when the process ends.
#ifdef __SANITIZE_ADDRESS__
inline constexpr bool kFindsLeaks = true;
#else
inline constexpr bool kFindsLeaks = false;
#endif

#ifdef __SANITIZE_ADDRESS__
inline void poison(void* p, size_t n) {
  __asan_poison_memory_region(p, n);
}
inline void unpoison(void* p, size_t n) {
  __asan_unpoison_memory_region(p, n);
}
#else
inline void poison(void*, size_t) {}
inline void unpoison(void*, size_t) {}
#endif

// The same for an object or chunk in a chain of unused ones, whose link is at its beginning.
inline void poison_behind_link(void* p, size_t n) {
  poison(static_cast<char*>(p) + sizeof(void*), n - sizeof(void*));
}
inline void unpoison_behind_link(void* p, size_t n) {
  unpoison(static_cast<char*>(p) + sizeof(void*), n - sizeof(void*));
}

}  // namespace weir
