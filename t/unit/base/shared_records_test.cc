// Structures that outlive a configuration: base/shared_records.cc.
#include "base/shared_records.h"

#include <criterion/criterion.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <set>
#include <string>

#include "base/gauge.h"
#include "base/shared_zone.h"

using namespace weir;

struct Thing {
  Gauge held;
  std::atomic<int> value{7};
  void forget(int slot) { held.forget(slot); }
};
static const KindOf<Thing> kThings("thing 1");
static const KindOf<Thing> kOthers("other 1");

Test(shared_records, a_name_is_the_same_memory_in_the_next_load) {
  SharedRecords::begin_load();
  Thing* a = SharedRecords::get(kThings, "a");
  cr_expect(a->value == 7);
  a->value = 8;
  cr_expect(SharedRecords::get(kThings, "b") != a);
  cr_expect(SharedRecords::get(kOthers, "a") != a);
  Thing* again = SharedRecords::get(kThings, "a");
  cr_expect(again != a, "a repetition within one load");
  SharedRecords::begin_load();
  cr_expect(SharedRecords::get(kThings, "a") == a && a->value == 8);
  cr_expect(SharedRecords::get(kThings, "a") == again);
}

Test(shared_records, what_a_worker_held_is_taken_back) {
  SharedRecords::begin_load();
  Thing* a = SharedRecords::get(kThings, "a");
  pid_t pid = fork();
  if (pid == 0) {
    g_worker_slot = 3;
    SharedRecords::begin_load();
    Thing* mine = SharedRecords::get(kThings, "a");
    SharedRecords::hold();
    mine->held.up();
    mine->held.up();
    _exit(0);
  }
  int status;
  waitpid(pid, &status, 0);
  a->held.up();
  cr_expect(a->held.read() == 3);
  cr_expect(a->held.of_others() == 2);
  SharedRecords::worker_ended(3);
  cr_expect(a->held.read() == 1);
}

Test(shared_records, a_child_finds_what_another_child_made) {
  SharedRecords::begin_load();
  SharedRecords::get(kThings, "first");  // the zone is there
  for (int i = 0; i < 2; i++) {
    pid_t pid = fork();
    if (pid == 0) {
      SharedRecords::begin_load();
      Thing* t = SharedRecords::get(kThings, "theirs");
      _exit(t->value.fetch_add(1));
    }
    int status;
    waitpid(pid, &status, 0);
    cr_expect(WEXITSTATUS(status) == 7 + i);
  }
}

Test(shared_records, what_comes_back_is_nobody_elses) {
  auto name = [](int i) { return "n" + std::to_string(i); };
  SharedRecords::begin_load();
  for (int i = 0; i < 50; i++) SharedRecords::get(kThings, name(i));
  for (int load = 0; load < 4; load++) SharedRecords::begin_load();
  std::set<Thing*> seen;
  for (int i = 0; i < 50; i++) {
    cr_expect(seen.insert(SharedRecords::get(kThings, "new " + name(i))).second);
    cr_expect(seen.insert(SharedRecords::get(kThings, name(i))).second);
  }
}

Test(shared_records, names_that_nobody_uses_any_more_make_room) {
  for (int load = 0; load < 5000; load++) {
    SharedRecords::begin_load();
    SharedRecords::get(kThings, fmt::format("only {}", load));
  }
  int zones = 0;
  SharedZone::each([&](const SharedZone&) { zones++; });
  cr_expect(zones == 1);
}

Test(shared_records, many_take_several_zones) {
  SharedRecords::begin_load();
  std::vector<Thing*> things;
  for (int i = 0; i < 20000; i++) things.push_back(SharedRecords::get(kThings, fmt::format("n{}", i)));
  for (size_t i = 0; i < things.size(); i++) things[i]->value = static_cast<int>(i);
  SharedRecords::begin_load();
  for (int i = 0; i < 20000; i++) cr_assert(SharedRecords::get(kThings, fmt::format("n{}", i))->value == i);
}
