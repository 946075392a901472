#pragma once
// Fixed-size objects of one type from pages of 64 KiB, one slab per thread and type. Freed objects are reused last in,
// first out. Pages are returned when the thread ends. An object must be freed on the thread that made it.
#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <new>
#include <utility>
#include <vector>

#include "base/fault.h"
#include "base/poison.h"

namespace weir {

template <class T>
class Slab {
 public:
  static constexpr size_t kPage = 64 * 1024;

  ~Slab() {
    while (pages_) {
      Page* next = pages_->next;
      free(pages_);
      pages_ = next;
    }
  }
  // Null when there is no memory.
  template <class... Args>
  T* make(Args&&... args) {
    if (!free_ && !grow()) return nullptr;
    Node* n = free_;
    free_ = n->next;
    live_++;
    unpoison_behind_link(n, sizeof *n);
    return new (n) T(std::forward<Args>(args)...);
  }
  void destroy(T* p) {
    p->~T();
    auto* n = reinterpret_cast<Node*>(p);
    n->next = free_;
    free_ = n;
    live_--;
    poison_behind_link(n, sizeof *n);
  }
  size_t live() const { return live_; }
  // For how many objects there are pages.
  size_t room() const {
    size_t n = 0;
    for (const Page* page = pages_; page; page = page->next) n += sizeof(page->nodes) / sizeof(Node);
    return n;
  }
  // The objects that are not destroyed yet. For the end of the thread: it costs a search.
  std::vector<T*> remaining() const {
    std::vector<const Node*> unused;
    for (const Node* n = free_; n; n = n->next) unused.push_back(n);
    std::sort(unused.begin(), unused.end());
    std::vector<T*> found;
    for (Page* page = pages_; page; page = page->next)
      for (Node& n : page->nodes)
        if (!std::binary_search(unused.begin(), unused.end(), &n)) found.push_back(reinterpret_cast<T*>(&n));
    return found;
  }

  static Slab& local() {
    static thread_local Slab slab;
    return slab;
  }

 private:
  union Node {
    Node* next;
    alignas(T) unsigned char bytes[sizeof(T)];
  };
  struct Page {
    Page* next;
    Node nodes[(kPage - sizeof(void*) - alignof(T)) / sizeof(Node)];
  };
  bool grow() {
    static_assert(sizeof(Page) <= kPage);
    auto* page = static_cast<Page*>(fault::malloc(fault::Site::alloc_slab, sizeof(Page)));
    if (!page) return false;
    page->next = pages_;
    pages_ = page;
    constexpr size_t count = sizeof(page->nodes) / sizeof(Node);
    for (size_t i = count; i-- > 0;) {
      page->nodes[i].next = free_;
      free_ = &page->nodes[i];
      poison_behind_link(free_, sizeof *free_);
    }
    return true;
  }
  Node* free_ = nullptr;
  Page* pages_ = nullptr;
  size_t live_ = 0;
};

}  // namespace weir
