// Counters by key in shared memory: base/counter_zone.cc.
#include "base/counter_zone.h"

#include <criterion/criterion.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace weir;
using Guard = CounterZone::Guard;

static bool has(CounterZone& zone, Str text) {
  return Guard(zone, zone.key(text)).find() != nullptr;
}

Test(counter_zone, adds_finds_removes) {
  CounterZone zone;
  cr_assert(zone.open("t1", 1, 64 * 1024));
  cr_expect(!has(zone, "a"));
  {
    Guard g(zone, zone.key("a"));
    auto* n = g.add();
    cr_assert(n != nullptr);
    for (int i = 0; i < 3; i++) n->holders.up();
  }
  {
    Guard g(zone, zone.key("a"));
    auto* n = g.find();
    cr_assert(n && n->holders.total() == 3);
    g.remove(n);
  }
  cr_expect(!has(zone, "a"));
}

Test(counter_zone, a_name_is_the_same_memory_and_a_layout_is_not) {
  CounterZone one, two, other;
  cr_assert(one.open("t2", 1, 64 * 1024) && two.open("t2", 1, 64 * 1024) && other.open("t2", 2, 64 * 1024));
  Guard(one, one.key("k")).add()->excess = 7;
  {
    Guard g(two, two.key("k"));
    cr_expect(g.find() && g.find()->excess == 7);
  }
  cr_expect(!has(other, "k"));
}

Test(counter_zone, the_oldest_unheld_go_first_when_it_is_full) {
  CounterZone zone;
  cr_assert(zone.open("t3", 1, 32 * 1024));
  Guard(zone, zone.key("held")).add()->holders.up();
  for (int i = 0; i < 20000; i++) {
    std::string name = fmt::format("key {}", i);
    Guard g(zone, zone.key(name));
    cr_assert(g.add() != nullptr, "node %d", i);
  }
  cr_expect(has(zone, "held"));
  cr_expect(has(zone, "key 19999"));
  cr_expect(!has(zone, "key 0"));
}

Test(counter_zone, a_stripe_full_of_held_nodes_says_so) {
  CounterZone zone;
  cr_assert(zone.open("t4", 1, 32 * 1024));
  bool full = false;
  for (int i = 0; i < 20000 && !full; i++) {
    Guard g(zone, zone.key(fmt::format("key {}", i)));
    auto* n = g.add();
    full = !n;
    if (n) n->holders.up();
  }
  cr_expect(full);
}

Test(counter_zone, what_a_dead_worker_held_is_taken_back) {
  CounterZone zone;
  cr_assert(zone.open("t6", 1, 64 * 1024));
  Guard(zone, zone.key("k")).add()->holders.up();
  pid_t pid = fork();
  if (pid == 0) {
    g_worker_slot = 2;
    Guard(zone, zone.key("k")).find()->holders.up();
    _exit(0);
  }
  int status;
  waitpid(pid, &status, 0);
  cr_expect(Guard(zone, zone.key("k")).find()->holders.total() == 2);
  CounterZone::worker_ended(2);
  cr_expect(Guard(zone, zone.key("k")).find()->holders.total() == 1);
}

Test(counter_zone, a_dead_owners_stripe_is_emptied) {
  CounterZone zone;
  cr_assert(zone.open("t5", 1, 64 * 1024));
  Guard(zone, zone.key("k")).add();
  pid_t child = fork();
  if (child == 0) {
    new Guard(zone, zone.key("k"));  // dies with the lock held
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  cr_expect(!has(zone, "k"));
  Guard g(zone, zone.key("k"));
  cr_expect(g.add() != nullptr);
}
