#pragma once
// Bump allocation for things that die together: a model, a transaction. Chunks come from a per-thread free list, so a
// steady state allocates nothing. Nothing in an arena is destroyed: only trivially destructible types may live here,
// except through `own`, whose destructors run at reset. Not thread safe; an arena belongs to one thread.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <type_traits>
#include <utility>

#include "base/poison.h"
#include "base/str.h"

namespace weir {

class Arena {
 public:
  static constexpr size_t kChunk = 4096;  // bytes of a pooled chunk, header included

  Arena() = default;
  ~Arena() { reset(); }
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // `n` uninitialised bytes aligned to `align` (a power of two up to 16). Never null. When the system has no more memory, a
  // thread that called keep_reserve (a shard) is served from that, and starved() tells the arena's owner to end what it is
  // doing; other threads (the configuration's) get std::bad_alloc. Only an exhausted reserve ends the process, in words:
  // nothing that could be undone is left then.
  void* alloc(size_t n, size_t align = 8) {
    auto at = (pos_ + (align - 1)) & ~(static_cast<uintptr_t>(align) - 1);
    if (at + n <= end_) {
      pos_ = at + n;
      unpoison(reinterpret_cast<void*>(at), n);
      return reinterpret_cast<void*>(at);
    }
    return alloc_slow(n, align);
  }
  char* alloc_chars(size_t n) { return static_cast<char*>(alloc(n, 1)); }

  template <class T, class... Args>
  T* make(Args&&... args) {
    static_assert(std::is_trivially_destructible_v<T>, "use own() for types with a destructor");
    return new (alloc(sizeof(T), alignof(T))) T(std::forward<Args>(args)...);
  }
  template <class T>
  T* array(size_t n) {
    static_assert(std::is_trivially_destructible_v<T>);
    T* p = static_cast<T*>(alloc(sizeof(T) * n, alignof(T)));
    for (size_t i = 0; i < n; i++) new (p + i) T();
    return p;
  }
  // An object whose destructor runs when the arena is reset, in reverse order of creation.
  template <class T, class... Args>
  T* own(Args&&... args) {
    T* p = new (alloc(sizeof(T), alignof(T))) T(std::forward<Args>(args)...);
    auto* c = static_cast<Cleanup*>(alloc(sizeof(Cleanup)));
    *c = {cleanups_, [](void* q) { static_cast<T*>(q)->~T(); }, p};
    cleanups_ = c;
    return p;
  }
  Str dup(Str s) {
    char* p = alloc_chars(s.size() + 1);
    if (!s.empty()) memcpy(p, s.data(), s.size());
    p[s.size()] = 0;
    return {p, s.size()};
  }
  // The concatenation of `parts`.
  template <class... S>
  Str cat(S... parts) {
    size_t n = (Str(parts).size() + ... + 0);
    char* p = alloc_chars(n + 1);
    char* q = p;
    auto put = [&q](Str part) {
      if (!part.empty()) memcpy(q, part.data(), part.size());
      q += part.size();
    };
    (put(Str(parts)), ...);
    *q = 0;
    return {p, n};
  }
  // The first chunk, made to measure where less than a pooled one is needed: for small arenas of which there are many.
  void prepare(size_t n);

  // Gives back the unused tail of the last alloc_chars(n) of which only `used` bytes were needed.
  void shrink(const char* p, size_t n, size_t used) {
    if (reinterpret_cast<uintptr_t>(p) + n == pos_) pos_ = reinterpret_cast<uintptr_t>(p) + used;
  }

  // Like alloc, for sizes that a peer decides: null when the system has no more memory, with the reserve untouched.
  void* try_alloc(size_t n, size_t align = 8);
  // Whether memory ran out since this was asked last.
  bool starved() const { return starved_; }
  bool take_starved() { return std::exchange(starved_, false); }
  // Sets memory aside for this thread's arenas. False when there is none.
  static bool keep_reserve();

  // Frees everything; the first chunk goes back to the thread's free list like the others.
  void reset();

 private:
  struct Chunk {
    Chunk* next;
    size_t size;
  };
  struct Cleanup {
    Cleanup* next;
    void (*run)(void*);
    void* what;
  };
  void* alloc_slow(size_t n, size_t align);
  void* enter(Chunk* chunk, size_t size, size_t n, size_t align);

  uintptr_t pos_ = 0;
  uintptr_t end_ = 0;
  size_t taken_ = 0;  // bytes of all chunks
  Chunk* chunks_ = nullptr;
  Cleanup* cleanups_ = nullptr;
  bool starved_ = false;
};

// The usual list of a model: filled while binding, then only read.
template <class T>
struct ArenaList {
  T* data = nullptr;
  uint32_t size = 0;
  uint32_t capacity = 0;

  T& push(Arena& arena, const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    if (size == capacity) {
      uint32_t n = capacity ? capacity * 2 : 4;
      T* p = static_cast<T*>(arena.alloc(sizeof(T) * n, alignof(T)));
      if (size) memcpy(static_cast<void*>(p), data, sizeof(T) * size);
      data = p;
      capacity = n;
    }
    return *new (data + size++) T(value);
  }
  T* begin() const { return data; }
  T* end() const { return data + size; }
  bool empty() const { return size == 0; }
  T& operator[](size_t i) const { return data[i]; }
};

}  // namespace weir
