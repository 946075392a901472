// base/key_index.h: a hash table whose nodes lie in the objects.
#include <criterion/criterion.h>

#include <memory>
#include <vector>

#include "base/key_index.h"

using namespace weir;

namespace {

struct Thing : IndexLink {
  int number = 0;
};
using Index = KeyIndex<Thing>;

std::unique_ptr<Thing[]> things(Index& index, size_t count, uint64_t (*key_of)(size_t)) {
  auto made = std::make_unique<Thing[]>(count);
  for (size_t i = 0; i < count; i++) {
    made[i].number = static_cast<int>(i);
    index.insert(&made[i], key_of(i));
  }
  return made;
}

// How many lie in one place, in the mean over those who look for their own.
double mean_chain(const Index& index, size_t count, uint64_t (*key_of)(size_t)) {
  size_t steps = 0;
  for (size_t i = 0; i < count; i++)
    for (const IndexLink* link = index.chain(key_of(i)); link; link = link->next) steps++;
  return static_cast<double>(steps) / static_cast<double>(count);
}

}  // namespace

Test(key_index, last_in_first_out_of_each_key) {
  Index index(7);
  cr_expect_null(index.first(1));
  // The table grows many times meanwhile.
  auto made = things(index, 300, [](size_t i) -> uint64_t { return i % 3; });
  cr_expect_eq(index.size(), 300u);
  for (int key = 0; key < 3; key++) {
    int expected = 297 + key;
    for (const Thing* t = index.first(static_cast<uint64_t>(key)); t;
         t = index.next(const_cast<Thing*>(t)), expected -= 3)
      cr_assert_eq(t->number, expected);
    cr_expect_eq(expected, key - 3);
  }
}

Test(key_index, what_is_taken_out_is_gone) {
  Index index(7);
  auto made = things(index, 100, [](size_t i) -> uint64_t { return i / 10; });
  for (int i = 0; i < 100; i++)
    if (i % 10 != 4) index.remove(&made[static_cast<size_t>(i)]);
  cr_expect_eq(index.size(), 10u);
  for (uint64_t key = 0; key < 10; key++) {
    Thing* left = index.first(key);
    cr_assert_not_null(left);
    cr_expect_eq(left->number, static_cast<int>(10 * key + 4));
    cr_expect_null(index.next(left));
    index.remove(left);
    cr_expect_not(left->linked());
    cr_expect_null(index.first(key));
  }
}

static uint64_t number(size_t i) {
  return i;
}
static uint64_t address(size_t i) {
  return 0x7f0000000000 + 408 * i;
}
static uint64_t upper_half(size_t i) {
  return uint64_t{i} << 40;
}

Test(key_index, a_search_costs_the_same_among_many) {
  for (auto key_of : {number, address, upper_half})
    for (size_t count : {10, 1000, 100000}) {
      Index index(0x243f6a8885a308d3);
      auto made = things(index, count, key_of);
      cr_expect_lt(mean_chain(index, count, key_of), 5, "%f among %zu", mean_chain(index, count, key_of), count);
    }
}
