// Chunk handling of base/arena.h.
#include "base/arena.h"

#include <sys/mman.h>

#include <cstdlib>

#include "base/fault.h"

namespace weir {
namespace {

constexpr size_t kPopulated = size_t{1} << 20;  // a chunk of a configuration that has so much already
constexpr size_t kLarge = 256 * 1024;  // of a reserve's large block: heads, and what rules make of them

struct FreeList {
  const size_t size;  // of each chunk
  void* head = nullptr;
  size_t count = 0;

  void* take() {
    void* p = head;
    if (!p) return nullptr;
    head = *static_cast<void**>(p);
    count--;
    unpoison_behind_link(p, size);
    return p;
  }
  void give(void* p) {
    *static_cast<void**>(p) = head;
    head = p;
    count++;
    poison_behind_link(p, size);
  }
  void clear() {
    while (void* p = take()) free(p);
  }
};

// Chunks that this thread's arenas gave back, and the reserve for when the system gives none. Kept until the thread ends.
struct ChunkPool {
  static constexpr size_t kMax = 1024;  // 4 MiB a thread
  static constexpr size_t kReserve = 64;
  static constexpr size_t kReserveLarge = 2;
  FreeList chunks{Arena::kChunk};
  FreeList reserve{Arena::kChunk};
  FreeList reserve_large{kLarge};
  bool reserved = false;

  ~ChunkPool() {
    chunks.clear();
    reserve.clear();
    reserve_large.clear();
  }
  bool fill() {
    reserved = true;
    for (FreeList* list : {&reserve, &reserve_large}) {
      while (list->count < (list == &reserve_large ? kReserveLarge : kReserve)) {
        void* p = malloc(list->size);
        if (!p) return false;
        list->give(p);
      }
    }
    return true;
  }
  void give(void* p, size_t size) {
    if (size == kLarge && reserved && reserve_large.count < kReserveLarge) return reserve_large.give(p);
    if (size != Arena::kChunk) return free(p);
    if (reserved && reserve.count < kReserve) return reserve.give(p);
    if (chunks.count >= kMax) return free(p);
    chunks.give(p);
  }
};
thread_local ChunkPool t_pool;

void* new_chunk(size_t size) {
  bool pooled = size == Arena::kChunk;
  if (pooled && t_pool.chunks.head) return t_pool.chunks.take();
  using fault::Site;
  return fault::malloc(!t_pool.reserved ? Site::alloc_config : pooled ? Site::alloc_arena : Site::alloc_large, size);
}

// Pages that the system gives one by one, at the first write to each, cost a large configuration more than what it writes
// there; these come at once. Null where memory is short.
void* new_populated_chunk() {
  static const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  void* p = fault::aligned_alloc(fault::Site::alloc_config, page, kPopulated);
  if (p) madvise(p, kPopulated, MADV_POPULATE_WRITE);
  return p;
}

[[noreturn]] void out_of_reserve() {
  constexpr char kText[] = "weir: out of memory, and the reserve is used up\n";
  [[maybe_unused]] ssize_t n = ::write(STDERR_FILENO, kText, sizeof kText - 1);
  abort();
}

}  // namespace

bool Arena::keep_reserve() {
  return t_pool.fill();
}

void* Arena::alloc_slow(size_t n, size_t align) {
  size_t need = sizeof(Chunk) + n + align;
  size_t size = need <= kChunk ? kChunk : need;
  if (taken_ >= kPopulated && need <= kPopulated / 4 && !t_pool.reserved)
    if (auto* chunk = static_cast<Chunk*>(new_populated_chunk())) return enter(chunk, kPopulated, n, align);
  auto* chunk = static_cast<Chunk*>(new_chunk(size));
  if (!chunk) {
    if (!t_pool.reserved) throw std::bad_alloc();
    starved_ = true;
    size = size == kChunk ? kChunk : kLarge;
    chunk = static_cast<Chunk*>((size == kChunk ? t_pool.reserve : t_pool.reserve_large).take());
    if (!chunk || need > size) out_of_reserve();
  }
  return enter(chunk, size, n, align);
}

void Arena::prepare(size_t n) {
  const size_t size = sizeof(Chunk) + n;
  if (size >= kChunk) return;
  auto* chunk = static_cast<Chunk*>(new_chunk(size));
  if (!chunk) return;  // the first that needs memory says so
  enter(chunk, size, 0, 1);
}

void* Arena::try_alloc(size_t n, size_t align) {
  size_t need = sizeof(Chunk) + n + align;
  if (need <= kChunk) return alloc(n, align);
  auto* chunk = static_cast<Chunk*>(new_chunk(need));
  return chunk ? enter(chunk, need, n, align) : nullptr;
}

// Takes over a chunk of `size` bytes and cuts the first `n` out of it.
void* Arena::enter(Chunk* chunk, size_t size, size_t n, size_t align) {
  poison(chunk + 1, size - sizeof(Chunk));
  chunk->size = size;
  chunk->next = chunks_;
  chunks_ = chunk;
  taken_ += size;
  auto begin = reinterpret_cast<uintptr_t>(chunk) + sizeof(Chunk);
  auto at = (begin + (align - 1)) & ~(static_cast<uintptr_t>(align) - 1);
  auto end = reinterpret_cast<uintptr_t>(chunk) + size;
  // A chunk made to measure for a large object does not displace a current one with more room left.
  if (size == kChunk || end - (at + n) > end_ - pos_) {
    pos_ = at + n;
    end_ = end;
  }
  unpoison(reinterpret_cast<void*>(at), n);
  return reinterpret_cast<void*>(at);
}

void Arena::reset() {
  for (Cleanup* c = cleanups_; c; c = c->next) c->run(c->what);
  cleanups_ = nullptr;
  while (chunks_) {
    Chunk* next = chunks_->next;
    t_pool.give(chunks_, chunks_->size);
    chunks_ = next;
  }
  pos_ = end_ = taken_ = 0;
  starved_ = false;
}

}  // namespace weir
