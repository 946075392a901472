// Bump allocation: base/arena.h.
#include "base/arena.h"

#include <criterion/criterion.h>
#include <string.h>

#include <vector>

using namespace weir;

namespace {

struct Piece {
  char* at;
  size_t size;
  char mark;
};

// Pieces of many sizes, each full of its mark.
std::vector<Piece> fill(Arena& arena, size_t total) {
  std::vector<Piece> pieces;
  for (size_t sum = 0, i = 0; sum < total; i++) {
    size_t size = i % 97 == 0 ? 20000 : i % 13 == 0 ? 5000 : 1 + i % 300;
    Piece piece{static_cast<char*>(arena.alloc(size)), size, static_cast<char>(i)};
    memset(piece.at, piece.mark, size);
    pieces.push_back(piece);
    sum += size;
  }
  return pieces;
}

void expect_intact(const std::vector<Piece>& pieces) {
  for (const Piece& p : pieces) {
    cr_assert(reinterpret_cast<uintptr_t>(p.at) % 8 == 0);
    for (size_t i = 0; i < p.size; i++) cr_assert(p.at[i] == p.mark);
  }
}

}  // namespace

Test(arena, a_large_one_keeps_what_is_in_it) {
  Arena arena;
  auto pieces = fill(arena, 6 << 20);
  auto* large = static_cast<char*>(arena.alloc(3 << 20));
  memset(large, 'x', 3 << 20);
  auto more = fill(arena, 2 << 20);
  expect_intact(pieces);
  expect_intact(more);
  arena.reset();
  expect_intact(fill(arena, 2 << 20));
}

Test(arena, one_of_known_size_takes_no_more) {
  Arena arena;
  arena.prepare(40);
  auto* first = static_cast<char*>(arena.alloc(24));
  auto* second = static_cast<char*>(arena.alloc(16));
  cr_expect(second == first + 24);
  memset(first, 'a', 40);
  auto* third = static_cast<char*>(arena.alloc(100));  // more than was said
  memset(third, 'b', 100);
  cr_expect(first[39] == 'a');
  cr_expect(third + 100 <= first || third >= first + 40);
}

Test(arena, destructors_run_from_the_last_to_the_first) {
  struct Note {
    std::vector<int>* order;
    int number;
    Note(std::vector<int>* o, int n) : order(o), number(n) {}
    ~Note() { order->push_back(number); }
  };
  std::vector<int> order;
  {
    Arena arena;
    for (int i = 0; i < 3; i++) arena.own<Note>(&order, i);
  }
  cr_expect(order == std::vector<int>({2, 1, 0}));
}
