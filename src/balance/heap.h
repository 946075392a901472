#pragma once
// Servers of a pool by a key, the smallest on top: a heap of four children each that knows where each slot lies, so that a
// server's key can be changed and a server taken out. All operations are logarithmic in the number of servers that are in.
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
    nodes_.clear();
    nodes_.reserve(slots);
    at_.assign(slots, kOut);
  }
  bool empty() const { return nodes_.empty(); }
  size_t size() const { return nodes_.size(); }
  bool has(uint16_t slot) const { return at_[slot] != kOut; }
  uint16_t top() const { return nodes_[0].slot; }
  uint64_t top_key() const { return nodes_[0].key; }
  uint64_t key(uint16_t slot) const { return nodes_[at_[slot]].key; }

  // Puts the slot in, or gives it another key.
  void set(uint16_t slot, uint64_t key) {
    Node node{key, slot};
    uint32_t i = at_[slot];
    if (i == kOut) {
      i = static_cast<uint32_t>(nodes_.size());
      nodes_.push_back(node);
      rise(i, node);
    } else if (node < nodes_[i]) {
      rise(i, node);
    } else {
      sink(i, node);
    }
  }
  void remove(uint16_t slot) {
    uint32_t i = at_[slot];
    if (i == kOut) return;
    at_[slot] = kOut;
    Node last = nodes_.back();
    nodes_.pop_back();
    if (i == nodes_.size()) return;
    if (i > 0 && last < nodes_[(i - 1) / 4])
      rise(i, last);
    else
      sink(i, last);
  }

 private:
  static constexpr uint32_t kOut = UINT32_MAX;
  struct Node {
    uint64_t key;
    uint16_t slot;
    bool operator<(const Node& o) const { return key < o.key; }
  };
  void put(uint32_t i, const Node& node) {
    nodes_[i] = node;
    at_[node.slot] = i;
  }
  void rise(uint32_t i, const Node node) {
    for (; i > 0; i = (i - 1) / 4) {
      const Node& parent = nodes_[(i - 1) / 4];
      if (!(node < parent)) break;
      put(i, parent);
    }
    put(i, node);
  }
  void sink(uint32_t i, const Node node) {
    const Node* nodes = nodes_.data();
    auto n = static_cast<uint32_t>(nodes_.size());
    for (uint32_t first; (first = 4 * i + 1) < n;) {
      uint32_t least = first;
      if (first + 3 < n) {
        least += nodes[first + 1] < nodes[first];
        uint32_t other = first + 2 + (nodes[first + 3] < nodes[first + 2]);
        if (nodes[other] < nodes[least]) least = other;
      } else {
        for (uint32_t child = first + 1; child < n; child++)
          if (nodes[child] < nodes[least]) least = child;
      }
      if (!(nodes[least] < node)) break;
      put(i, nodes[least]);
      i = least;
    }
    put(i, node);
  }

  std::vector<Node> nodes_;
  std::vector<uint32_t> at_;  // by slot
};

}  // namespace weir::model
