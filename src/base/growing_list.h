#pragma once
// A list of pointers that may grow, and whose elements may be exchanged, while other threads read it. One thread at a time
// changes it. Who has seen a size may read all elements below it for as long as the list lives: what was outgrown is kept.
// Reading takes no lock and, on x86, no more than reading an array through a pointer.
#include <atomic>
#include <cstddef>
#include <iterator>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

namespace weir {

template <class T>
class GrowingList {
  static_assert(std::is_pointer_v<T>);
  using Cell = std::atomic<T>;

 public:
  class Iterator {
   public:
    using iterator_category = std::random_access_iterator_tag;
    using value_type = T;
    using difference_type = std::ptrdiff_t;
    using pointer = const T*;
    using reference = T;

    Iterator() = default;
    explicit Iterator(const GrowingList& list, size_t at) : list_(&list), at_(at) {}
    T operator*() const { return (*list_)[at_]; }
    T operator[](difference_type n) const { return *(*this + n); }
    Iterator& operator++() { return *this += 1; }
    Iterator operator++(int) { return std::exchange(*this, *this + 1); }
    Iterator& operator--() { return *this -= 1; }
    Iterator operator--(int) { return std::exchange(*this, *this - 1); }
    Iterator& operator+=(difference_type n) {
      at_ += static_cast<size_t>(n);
      return *this;
    }
    Iterator& operator-=(difference_type n) { return *this += -n; }
    friend Iterator operator+(Iterator i, difference_type n) { return i += n; }
    friend Iterator operator+(difference_type n, Iterator i) { return i += n; }
    friend Iterator operator-(Iterator i, difference_type n) { return i -= n; }
    friend difference_type operator-(const Iterator& a, const Iterator& b) {
      return static_cast<difference_type>(a.at_ - b.at_);
    }
    friend auto operator<=>(const Iterator& a, const Iterator& b) { return a.at_ <=> b.at_; }
    friend bool operator==(const Iterator& a, const Iterator& b) { return a.at_ == b.at_; }

   private:
    const GrowingList* list_ = nullptr;
    size_t at_ = 0;
  };

  size_t size() const { return size_.load(std::memory_order_acquire); }
  bool empty() const { return size() == 0; }
  T operator[](size_t i) const { return cells_.load(std::memory_order_acquire)[i].load(std::memory_order_acquire); }
  Iterator begin() const { return Iterator(*this, 0); }
  // What is added later lies behind it.
  Iterator end() const { return Iterator(*this, size()); }

  void push_back(T value) {
    const size_t n = size();
    if (n == capacity_) {
      capacity_ = n ? 2 * n : 4;
      auto more = std::make_unique<Cell[]>(capacity_);
      for (size_t i = 0; i < n; i++) more[i].store((*this)[i], std::memory_order_relaxed);
      cells_.store(more.get(), std::memory_order_release);
      arrays_.push_back(std::move(more));
    }
    exchange(n, value);
    size_.store(n + 1, std::memory_order_release);
  }
  // Another element in its place.
  void exchange(size_t i, T value) {
    cells_.load(std::memory_order_relaxed)[i].store(value, std::memory_order_release);
  }

 private:
  std::atomic<Cell*> cells_{nullptr};
  std::atomic<size_t> size_{0};
  size_t capacity_ = 0;
  std::vector<std::unique_ptr<Cell[]>> arrays_;
};

}  // namespace weir
