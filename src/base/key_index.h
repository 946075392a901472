#pragma once
// Intrusive hash table of objects by numbers that several of them may share: finding, adding and taking out cost the same
// however many there are. Of one number, what came last comes first. It grows when there are more objects than places, and
// does with what it has when there is no memory for that. A secret keeps others from choosing numbers that share a place.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

namespace weir {

struct IndexLink {
  IndexLink* next = nullptr;
  IndexLink** at = nullptr;  // what points here; null: it is in no index
  uint64_t key = 0;

  bool linked() const { return at != nullptr; }
};

// An index of objects of type T that derive from IndexLink, through `Tag` when they are in several.
template <class T, class Tag = IndexLink>
class KeyIndex {
 public:
  explicit KeyIndex(uint64_t secret) : secret_(secret | 1) {}
  KeyIndex(const KeyIndex&) = delete;
  KeyIndex& operator=(const KeyIndex&) = delete;

  size_t size() const { return size_; }
  // The last one of this key that was put in; null: there is none.
  T* first(uint64_t key) const { return of_key(chain(key), key); }
  // The one of the same key that was put in before this one.
  T* next(T* item) const {
    const IndexLink* link = static_cast<Tag*>(item);
    return of_key(link->next, link->key);
  }
  void insert(T* item, uint64_t key) {
    if (size_++ >= places()) grow();
    IndexLink* link = static_cast<Tag*>(item);
    link->key = key;
    hang(*link);
  }
  void remove(T* item) {
    IndexLink* link = static_cast<Tag*>(item);
    *link->at = link->next;
    if (link->next) link->next->at = link->at;
    link->next = nullptr;
    link->at = nullptr;
    size_--;
  }
  // Whatever lies where the key does: what first() may have to look at.
  IndexLink* chain(uint64_t key) const { return heads_ ? heads_[place(key)] : only_; }

 private:
  static constexpr int kFewest = 4;  // bits

  // Multiplied twice: once is not enough for numbers at equal distances, such as addresses.
  size_t place(uint64_t key) const {
    const uint64_t once = (key ^ key >> 32) * secret_;
    return (once ^ once >> 32) * secret_ >> shift_;
  }
  size_t places() const { return heads_ ? size_t{1} << (64 - shift_) : 1; }
  static T* of_key(IndexLink* link, uint64_t key) {
    while (link && link->key != key) link = link->next;
    return link ? static_cast<T*>(static_cast<Tag*>(link)) : nullptr;
  }
  void hang(IndexLink& link) {
    IndexLink*& head = heads_ ? heads_[place(link.key)] : only_;
    link.next = head;
    link.at = &head;
    if (head) head->at = &link.next;
    head = &link;
  }
  void grow() {
    const size_t before = places();
    const int bits = heads_ ? 64 - shift_ + 1 : kFewest;
    std::unique_ptr<IndexLink*[]> old(new (std::nothrow) IndexLink* [size_t{1} << bits] {});
    if (!old) return;
    old.swap(heads_);
    shift_ = 64 - bits;
    for (size_t i = 0; i < before; i++) {
      // Turned round first, so that what came last comes first again.
      IndexLink* turned = nullptr;
      for (IndexLink *link = old ? old[i] : only_, *next; link; link = next) {
        next = link->next;
        link->next = turned;
        turned = link;
      }
      for (IndexLink *link = turned, *next; link; link = next) {
        next = link->next;
        hang(*link);
      }
    }
    only_ = nullptr;
  }

  const uint64_t secret_;
  std::unique_ptr<IndexLink*[]> heads_;
  IndexLink* only_ = nullptr;  // the place that is there while no others are
  int shift_ = 0;
  size_t size_ = 0;
};

}  // namespace weir
