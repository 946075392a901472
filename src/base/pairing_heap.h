#pragma once
// Intrusive pairing heap: who goes first is known, putting in costs one comparison, and taking anybody out as many as the
// number of digits of how many there are, in the mean over many. Who is in it stays in its place and costs no allocation.
#include <utility>

namespace weir {

struct HeapLink {
  HeapLink* child = nullptr;  // the first of those behind it
  HeapLink* next = nullptr;  // sibling
  HeapLink* prev = nullptr;  // sibling, else parent, else itself; null: it is in no heap

  bool linked() const { return prev != nullptr; }
};

// A heap of objects of type T that derive from HeapLink through `Tag`. T::goes_before(const T&) is an order; among equals
// anybody goes first.
template <class T, class Tag = HeapLink>
class PairingHeap {
 public:
  PairingHeap() = default;
  PairingHeap(PairingHeap&& other) noexcept : root_(std::exchange(other.root_, nullptr)) {}

  bool empty() const { return !root_; }
  // Who goes first; null: nobody is in it.
  T* top() const { return root_ ? item(root_) : nullptr; }
  void insert(T* item) {
    HeapLink* link = static_cast<Tag*>(item);
    set_root(root_ ? meld(root_, link) : link);
  }
  void remove(T* item) {
    HeapLink* link = static_cast<Tag*>(item);
    HeapLink* behind = meld_all(link->child);
    if (link == root_) {
      set_root(behind);
    } else {
      (link->prev->child == link ? link->prev->child : link->prev->next) = link->next;
      if (link->next) link->next->prev = link->prev;
      if (behind) set_root(meld(root_, behind));
    }
    *link = {};
  }

 private:
  static T* item(HeapLink* link) { return static_cast<T*>(static_cast<Tag*>(link)); }
  void set_root(HeapLink* link) {
    root_ = link;
    if (link) link->prev = link;
  }
  // One heap of two; neither has siblings.
  static HeapLink* meld(HeapLink* a, HeapLink* b) {
    if (item(b)->goes_before(*item(a))) std::swap(a, b);
    b->next = a->child;
    if (b->next) b->next->prev = b;
    b->prev = a;
    a->child = b;
    return a;
  }
  // One heap of this one and all its later siblings: neighbours first, then the pairs from the last one on. Null: of none.
  static HeapLink* meld_all(HeapLink* first) {
    HeapLink* pairs = nullptr;
    while (first) {
      HeapLink *a = first, *b = std::exchange(a->next, nullptr);
      first = b ? std::exchange(b->next, nullptr) : nullptr;
      if (b) a = meld(a, b);
      a->next = std::exchange(pairs, a);
    }
    HeapLink* whole = nullptr;
    while (pairs) {
      HeapLink* pair = std::exchange(pairs, pairs->next);
      pair->next = nullptr;
      whole = whole ? meld(whole, pair) : pair;
    }
    return whole;
  }

  HeapLink* root_ = nullptr;
};

}  // namespace weir
