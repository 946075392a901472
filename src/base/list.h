#pragma once
// Intrusive doubly linked list: a node knows its neighbours, so removal needs no list and costs no search.
namespace weir {

struct Link {
  Link* prev = nullptr;
  Link* next = nullptr;

  bool linked() const { return next != nullptr; }
  void unlink() {
    if (!next) return;
    prev->next = next;
    next->prev = prev;
    prev = next = nullptr;
  }
};

// A list of objects of type T that derive from Link (through `Tag` when they are in several lists).
template <class T, class Tag = Link>
class List {
 public:
  List() { head_.prev = head_.next = &head_; }
  List(const List&) = delete;
  List& operator=(const List&) = delete;

  bool empty() const { return head_.next == &head_; }
  T* front() const { return empty() ? nullptr : static_cast<T*>(static_cast<Tag*>(head_.next)); }
  T* back() const { return empty() ? nullptr : static_cast<T*>(static_cast<Tag*>(head_.prev)); }
  T* next(T* item) const {
    Link* n = static_cast<Tag*>(item)->next;
    return n == &head_ ? nullptr : static_cast<T*>(static_cast<Tag*>(n));
  }
  void push_back(T* item) { insert(static_cast<Tag*>(item), head_.prev, &head_); }
  void push_front(T* item) { insert(static_cast<Tag*>(item), &head_, head_.next); }
  void insert_after(T* before, T* item) {
    Link* at = static_cast<Tag*>(before);
    insert(static_cast<Tag*>(item), at, at->next);
  }
  // The item before this one; null: it is the first.
  T* prev(T* item) const {
    Link* p = static_cast<Tag*>(item)->prev;
    return p == &head_ ? nullptr : static_cast<T*>(static_cast<Tag*>(p));
  }
  // Moves all of `other` to the end of this one.
  void splice_back(List& other) {
    if (other.empty()) return;
    Link *first = other.head_.next, *last = other.head_.prev;
    first->prev = head_.prev;
    head_.prev->next = first;
    last->next = &head_;
    head_.prev = last;
    other.head_.prev = other.head_.next = &other.head_;
  }
  T* pop_front() {
    T* item = front();
    if (item) static_cast<Tag*>(item)->unlink();
    return item;
  }

 private:
  static void insert(Link* node, Link* prev, Link* next) {
    node->prev = prev;
    node->next = next;
    prev->next = node;
    next->prev = node;
  }
  Link head_;
};

}  // namespace weir
