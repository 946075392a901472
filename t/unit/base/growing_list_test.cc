// base/growing_list.h: a list that grows while others read it.
#include <criterion/criterion.h>

#include <algorithm>
#include <thread>
#include <vector>

#include "base/growing_list.h"

using namespace weir;

Test(growing_list, holds_what_was_added) {
  GrowingList<int*> list;
  cr_expect(list.empty());
  cr_expect(list.begin() == list.end());
  std::vector<int> numbers(100);
  for (int& n : numbers) list.push_back(&n);
  cr_assert_eq(list.size(), 100u);
  for (size_t i = 0; i < numbers.size(); i++) cr_expect_eq(list[i], &numbers[i]);
  size_t seen = 0;
  for (int* n : list) cr_expect_eq(n, &numbers[seen++]);
  cr_expect_eq(seen, 100u);
}

Test(growing_list, exchanges_elements_in_their_place) {
  GrowingList<int*> list;
  int a = 1, b = 2, c = 3;
  list.push_back(&a);
  list.push_back(&b);
  list.exchange(0, &c);
  cr_expect_eq(list[0], &c);
  cr_expect_eq(list[1], &b);
  cr_expect_eq(list.size(), 2u);
}

Test(growing_list, is_a_range_for_algorithms) {
  GrowingList<const int*> list;
  std::vector<int> numbers{5, 3, 8};
  for (const int& n : numbers) list.push_back(&n);
  cr_expect(std::any_of(list.begin(), list.end(), [](const int* n) { return *n == 8; }));
  cr_expect_eq(std::ranges::count_if(list, [](const int* n) { return *n < 8; }), 2);
  cr_expect_eq(list.end() - list.begin(), 3);
  cr_expect_eq(*list.begin()[1], 3);
}

Test(growing_list, what_is_added_meanwhile_lies_behind_the_end) {
  GrowingList<int*> list;
  int a = 1;
  list.push_back(&a);
  size_t seen = 0;
  for (auto i = list.begin(), end = list.end(); i != end; ++i, seen++) list.push_back(&a);
  cr_expect_eq(seen, 1u);
}

Test(growing_list, is_read_while_it_grows) {
  GrowingList<size_t*> list;
  constexpr size_t kAll = 20000;
  std::vector<size_t> numbers(kAll);
  for (size_t i = 0; i < kAll; i++) numbers[i] = i;
  std::vector<std::thread> readers;
  std::atomic<size_t> wrong{0};
  for (int i = 0; i < 2; i++)
    readers.emplace_back([&] {
      for (size_t size = 0; size < kAll;) {
        size = list.size();
        for (size_t at = size > 50 ? size - 50 : 0; at < size; at++)
          if (*list[at] != at) wrong++;
      }
    });
  for (size_t& n : numbers) list.push_back(&n);
  for (std::thread& reader : readers) reader.join();
  cr_expect_eq(wrong.load(), 0u);
}
