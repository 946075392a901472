// base/pairing_heap.h: who goes first among many, without an allocation.
#include <criterion/criterion.h>

#include <algorithm>
#include <memory>
#include <numeric>
#include <random>
#include <vector>

#include "base/pairing_heap.h"

using namespace weir;

namespace {

size_t g_looks = 0;  // comparisons

struct Thing : HeapLink {
  int rank = 0;

  bool goes_before(const Thing& other) const {
    g_looks++;
    return rank < other.rank;
  }
};
using Heap = PairingHeap<Thing>;

std::vector<int> ranks(int count, bool mixed) {
  std::vector<int> all(static_cast<size_t>(count));
  std::iota(all.begin(), all.end(), 0);
  if (mixed) std::shuffle(all.begin(), all.end(), std::minstd_rand(7));
  return all;
}

}  // namespace

Test(pairing_heap, gives_them_back_in_order) {
  for (bool mixed : {false, true}) {
    std::vector<Thing> things(500);
    Heap heap;
    cr_expect(heap.empty());
    cr_expect_null(heap.top());
    size_t at = 0;
    for (int rank : ranks(500, mixed)) {
      things[at].rank = rank;
      heap.insert(&things[at++]);
    }
    for (int expected = 0; expected < 500; expected++) {
      Thing* first = heap.top();
      cr_assert_eq(first->rank, expected);
      heap.remove(first);
      cr_expect_not(first->linked());
    }
    cr_expect(heap.empty());
  }
}

Test(pairing_heap, anybody_may_leave) {
  std::vector<Thing> things(300);
  Heap heap;
  std::minstd_rand random(7);
  std::vector<Thing*> in, out;
  for (Thing& t : things) out.push_back(&t);
  for (int i = 0; i < 20000; i++) {
    auto &from = random() % 2 && !in.empty() ? in : out.empty() ? in : out, &to = &from == &in ? out : in;
    std::swap(from[random() % from.size()], from.back());
    Thing* t = from.back();
    from.pop_back();
    to.push_back(t);
    cr_assert_eq(t->linked(), &from == &in);
    if (&from == &in) {
      heap.remove(t);
    } else {
      t->rank = static_cast<int>(random() % 1000);
      heap.insert(t);
    }
    const auto first = std::min_element(in.begin(), in.end(), [](Thing* a, Thing* b) { return a->rank < b->rank; });
    cr_assert_eq(heap.top() ? heap.top()->rank : -1, first == in.end() ? -1 : (*first)->rank);
  }
}

// As a queue is used: so many wait, one comes, and who is first goes.
Test(pairing_heap, many_cost_little_more_than_few) {
  for (bool mixed : {false, true})
    for (int count : {10, 1000, 100000}) {
      std::vector<Thing> things(static_cast<size_t>(count));
      Heap heap;
      const std::vector<int> order = ranks(count, mixed);
      for (size_t i = 0; i < things.size(); i++) {
        things[i].rank = order[i];
        heap.insert(&things[i]);
      }
      g_looks = 0;
      for (int i = 0; i < count; i++) {
        Thing* first = heap.top();
        heap.remove(first);
        first->rank += mixed ? order[static_cast<size_t>(i)] : count;
        heap.insert(first);
      }
      const double each = static_cast<double>(g_looks) / count;
      cr_expect_lt(each, 40, "%f comparisons for one of %d", each, count);
    }
}
