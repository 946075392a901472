// Chunk handling of base/arena.h.
#include "base/arena.h"

#include <cstdlib>

namespace weir {
namespace {

// Chunks that this thread's arenas gave back. Kept until the thread ends.
struct ChunkPool {
  static constexpr size_t kMax = 1024;  // 4 MiB a thread
  void* head = nullptr;
  size_t count = 0;

  ~ChunkPool() {
    while (head) {
      void* next = *static_cast<void**>(head);
      free(head);
      head = next;
    }
  }
  void* take() {
    if (!head) return malloc(Arena::kChunk);
    void* p = head;
    head = *static_cast<void**>(p);
    count--;
    return p;
  }
  void give(void* p) {
    if (count >= kMax) return free(p);
    *static_cast<void**>(p) = head;
    head = p;
    count++;
  }
};
thread_local ChunkPool t_pool;

}  // namespace

void* Arena::alloc_slow(size_t n, size_t align) {
  size_t need = sizeof(Chunk) + n + align;
  bool pooled = need <= kChunk;
  size_t size = pooled ? kChunk : need;
  auto* chunk = static_cast<Chunk*>(pooled ? t_pool.take() : malloc(size));
  if (!chunk) abort();
  chunk->size = size;
  chunk->next = chunks_;
  chunks_ = chunk;
  auto begin = reinterpret_cast<uintptr_t>(chunk) + sizeof(Chunk);
  auto at = (begin + (align - 1)) & ~(static_cast<uintptr_t>(align) - 1);
  auto end = reinterpret_cast<uintptr_t>(chunk) + size;
  // A chunk made to measure for a large object does not displace a current one with more room left.
  if (pooled || end - (at + n) > end_ - pos_) {
    pos_ = at + n;
    end_ = end;
  }
  return reinterpret_cast<void*>(at);
}

void Arena::reset() {
  for (Cleanup* c = cleanups_; c; c = c->next) c->run(c->what);
  cleanups_ = nullptr;
  while (chunks_) {
    Chunk* next = chunks_->next;
    if (chunks_->size == kChunk)
      t_pool.give(chunks_);
    else
      free(chunks_);
    chunks_ = next;
  }
  pos_ = end_ = 0;
}

}  // namespace weir
