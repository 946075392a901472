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
    cr_assert_eq(heap.empty(), sorted.empty());
    if (!sorted.empty()) cr_assert_eq(heap.top(), sorted.begin()->second);
  }
}

Test(heap, of_equals_who_came_or_changed_last_stands_behind) {
  SlotHeap heap;
  heap.reset(3);
  for (uint16_t slot : {2, 0, 1}) heap.set(slot, 7);
  for (uint16_t turn = 0; turn < 9; turn++) {
    const uint16_t slot = heap.top();
    heap.remove(slot);
    cr_assert_neq(heap.top(), slot);
    heap.set(slot, 7);
  }
  heap.set(1, UINT64_MAX);
  cr_assert(heap.has(1));
  for (uint16_t slot : {0, 1, 2}) heap.remove(slot);
  cr_assert(heap.empty());
}
