// balance/heap.h against sorting.
#include "balance/heap.h"

#include <criterion/criterion.h>

#include <random>
#include <set>

using namespace weir::model;

Test(heap, gives_the_smallest_whatever_was_done) {
  constexpr uint16_t kSlots = 50;
  SlotHeap heap;
  heap.reset(kSlots);
  std::set<std::pair<uint64_t, uint64_t>> sorted;  // rank, slot
  std::vector<uint64_t> ranks(kSlots, UINT64_MAX);
  std::minstd_rand random(1);
  for (int i = 0; i < 5000; i++) {
    auto slot = static_cast<uint16_t>(random() % kSlots);
    if (ranks[slot] != UINT64_MAX) sorted.erase({ranks[slot], slot});
    ranks[slot] = random() % 3 ? random() % 1000 : UINT64_MAX;
    if (ranks[slot] == UINT64_MAX) {
      heap.remove(slot);
    } else {
      heap.set(slot, ranked(ranks[slot], slot));
      sorted.insert({ranks[slot], slot});
    }
    cr_assert_eq(heap.has(slot), ranks[slot] != UINT64_MAX);
    cr_assert_eq(heap.size(), sorted.size());
    if (!sorted.empty()) cr_assert_eq(heap.top(), sorted.begin()->second);
  }
}
