#pragma once
// Servers of a pool by a key, the smallest on top: a tournament tree. Each slot has a leaf, each inner node the better one of
// its two children; a changed key is played up from its leaf until it changes nothing any more. Of equals, who was put in
// or changed last stands behind.
#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace weir::model {

// A key whose upper 40 bits are what counts (the largest stands for all above it); among equals the lower 24 do: a number that
// grows lets whoever has waited longest go first, but for one mistake when it starts anew.
inline uint64_t ranked(uint64_t rank, uint64_t turn) {
  constexpr uint64_t kMost = (uint64_t{1} << 40) - 1;
  return (rank < kMost ? rank : kMost) << 24 | (turn & 0xffffff);
}

class SlotHeap {
 public:
  // Empties it; slots below `slots` may be put in from now on.
  void reset(size_t slots) {
    width_ = std::bit_ceil(std::max<size_t>(slots, 2));
    keys_.assign(2 * width_, kOut);
    slots_.resize(2 * width_);
    for (size_t i = 0; i < width_; i++) slots_[width_ + i] = static_cast<uint16_t>(i);
    for (size_t i = width_; --i > 0;) slots_[i] = slots_[2 * i];
  }
  // Further slots may be put in; who is in stays.
  void grow(size_t slots) {
    if (slots <= width_) return;
    const size_t width = width_;
    const std::vector<uint64_t> keys = std::move(keys_);
    reset(slots);
    for (size_t i = 0; i < width; i++)
      if (keys[width + i] != kOut) play(static_cast<uint16_t>(i), keys[width + i]);
  }
  bool empty() const { return keys_[1] == kOut; }
  bool has(uint16_t slot) const { return keys_[width_ + slot] != kOut; }
  uint16_t top() const { return slots_[1]; }
  uint64_t top_key() const { return keys_[1]; }

  // Puts the slot in, or gives it another key.
  void set(uint16_t slot, uint64_t key) { play(slot, std::min(key, kOut - 1)); }
  void remove(uint16_t slot) { play(slot, kOut); }

 private:
  static constexpr uint64_t kOut = UINT64_MAX;

  void play(uint16_t slot, uint64_t key) {
    uint64_t* keys = keys_.data();
    uint16_t* slots = slots_.data();
    size_t i = width_ + slot;
    keys[i] = key;
    while (i > 1) {
      const size_t rival = i ^ 1;
      i >>= 1;
      if (keys[rival] <= key) {
        key = keys[rival];
        slot = slots[rival];
        if (slots[i] == slot) return;  // it was the better one before
      }
      keys[i] = key;
      slots[i] = slot;
    }
  }

  size_t width_ = 2;  // leaves; node 1 is the root, the children of i are 2i and 2i + 1
  std::vector<uint64_t> keys_ = std::vector<uint64_t>(4, kOut);
  std::vector<uint16_t> slots_ = {0, 0, 0, 1};
};

}  // namespace weir::model
