// Entries by key in shared memory: sticky/table.cc.
#include "sticky/table.h"

#include <criterion/criterion.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace weir;
using sticky::Table;
using Guard = Table::Guard;

static void put(Table& table, Str key, char value, uint64_t now = 1, uint64_t expire = 0) {
  Guard g(table, key);
  Table::Entry* e = g.find(now);
  if (!e) e = g.add(now);
  cr_assert(e != nullptr);
  *table.data(*e) = value;
  g.touch(*e, now, expire);
}

// 0: there is none.
static char get(Table& table, Str key, uint64_t now = 1) {
  Guard g(table, key);
  Table::Entry* e = g.find(now);
  return e ? *table.data(*e) : '\0';
}

Test(table, keeps_keys_and_data) {
  Table table;
  cr_assert(table.open("st1", 1, {32, 8, 100}));
  cr_expect(get(table, "a") == 0);
  put(table, "a", 'x');
  put(table, "", 'y');
  put(table, Str("a\0b", 3), 'z');
  cr_expect(get(table, "a") == 'x' && get(table, "") == 'y' && get(table, Str("a\0b", 3)) == 'z');
  cr_expect(table.used(1) == 3);
  {
    Guard g(table, "a");
    g.remove(*g.find(1));
  }
  cr_expect(get(table, "a") == 0);
}

Test(table, is_the_same_memory_by_name_and_shape) {
  Table one, two, other;
  cr_assert(one.open("st2", 1, {8, 8, 10}) && two.open("st2", 1, {8, 8, 10}) && other.open("st2", 1, {8, 8, 11}));
  put(one, "k", 'x');
  cr_expect(get(two, "k") == 'x');
  cr_expect(get(other, "k") == 0);
}

Test(table, entries_expire_unless_they_are_touched) {
  Table table;
  cr_assert(table.open("st3", 1, {8, 8, 10}));
  put(table, "a", 'x', 1000, 500);
  put(table, "b", 'y', 1000, 500);
  put(table, "b", 'y', 1400, 500);
  cr_expect(get(table, "a", 1499) == 'x');
  cr_expect(get(table, "a", 1500) == 0);
  cr_expect(get(table, "b", 1500) == 'y');
  cr_expect(table.used(1500) == 1);
  cr_expect(table.used(1900) == 0);
}

Test(table, the_oldest_untracked_go_first_when_it_is_full) {
  Table table;
  cr_assert(table.open("st4", 1, {8, 8, 3}));
  put(table, "held", 'h');
  {
    Guard g(table, "held");
    g.find(1)->trackers.up();
  }
  put(table, "a", '1');
  put(table, "b", '2');
  put(table, "c", '3');
  cr_expect(get(table, "held") == 'h' && get(table, "a") == 0 && get(table, "b") == '2' && get(table, "c") == '3');
  Guard g(table, "d");
  cr_expect(g.add(1, false) == nullptr);
}

Test(table, a_place_is_found_again) {
  Table table;
  cr_assert(table.open("st5", 1, {8, 8, 10}));
  put(table, "a", 'x');
  Table::Place place;
  {
    Guard g(table, "a");
    Table::Entry* e = g.find(1);
    e->trackers.up();
    place = g.place(*e);
  }
  Guard g(table, place);
  Table::Entry* e = g.at();
  cr_assert(e != nullptr);
  cr_expect(*table.data(*e) == 'x' && table.key(*e) == "a");
}

Test(table, tracked_entries_outlive_their_time) {
  Table table;
  cr_assert(table.open("st6", 1, {8, 8, 10}));
  put(table, "a", 'x', 1000, 500);
  {
    Guard g(table, "a");
    g.find(1000)->trackers.up();
  }
  cr_expect(get(table, "a", 5000) == 'x');
  Table::worker_ended(g_worker_slot);
  cr_expect(get(table, "a", 5000) == 0);
}

Test(table, clears_what_is_wanted_and_not_tracked) {
  Table table;
  cr_assert(table.open("st7", 1, {8, 8, 10}));
  for (Str key : {"a", "b", "c"}) put(table, key, key[0]);
  {
    Guard g(table, "b");
    g.find(1)->trackers.up();
  }
  size_t held = table.clear(1, [&](Table::Entry& e) { return *table.data(e) != 'a'; });
  cr_expect(held == 1);
  cr_expect(get(table, "a") && get(table, "b") && !get(table, "c"));
}

Test(table, many_entries_in_all_stripes) {
  Table table;
  cr_assert(table.open("st8", 1, {16, 8, 20000}));
  for (int i = 0; i < 10000; i++) put(table, fmt::format("key {}", i), 'x');
  cr_expect(table.used(1) == 10000);
  size_t seen = 0;
  table.each(1, [&](Table::Entry&) { return ++seen < 500; });
  cr_expect(seen == 500);
  for (int i = 0; i < 10000; i += 97) cr_expect(get(table, fmt::format("key {}", i)) == 'x');
}

Test(table, stripes_have_room_for_a_whole_table) {
  Table table;
  cr_assert(table.open("st10", 1, {16, 8, 10240}));
  size_t refused = 0;
  for (int i = 0; i < 10240; i++) {
    const std::string key = fmt::format("key {}", i);
    Guard g(table, key);
    refused += !g.add(1, false);
  }
  cr_expect_eq(refused, 0u);
  cr_expect_eq(table.used(1), 10240u);
}

Test(table, a_stripe_whose_holder_died_is_emptied) {
  Table table;
  cr_assert(table.open("st9", 1, {8, 8, 10}));
  put(table, "a", 'x');
  Table::Place place;
  {
    Guard g(table, "a");
    place = g.place(*g.find(1));
  }
  pid_t pid = fork();
  if (pid == 0) {
    Guard g(table, "a");
    _exit(0);  // with the lock
  }
  waitpid(pid, nullptr, 0);
  cr_expect(get(table, "a") == 0);
  Guard g(table, place);
  cr_expect(g.at() == nullptr);
}

Test(table, shapes_fit_into_their_bytes) {
  for (uint64_t bytes : {32768ull, 1048576ull, 1000000ull}) {
    auto shape = Table::Shape::fitting(16, 33, bytes);
    cr_expect(shape.entries > bytes / 200 && shape.entries < bytes / 100, "%u in %zu", shape.entries, size_t{bytes});
  }
}
