// Slow starts, limits that vary and the order of queues: balance/usable.cc, model/state.cc, proxy/priority.h.
#include <criterion/criterion.h>

#include "proxy/priority.h"
#include "rig.h"

using namespace weir;
using namespace weir::model;

// Two servers of weight 4, of which A came back at `since` and needs 16 seconds.
static uint64_t warming_up(Rig& rig) {
  rig.pool.limits.warms = true;
  uint64_t since = rig.loop.now() + 1000;
  rig[0].limits.slow_start = 16000;
  rig.state(0).warmth.since_ms = since;
  rig.state(0).warmth.serves = true;
  return since;
}

static int32_t share(Rig& rig, uint64_t now) {
  return lineup(rig.pool, now).active[0].share;
}

Test(slow_start, gives_a_sixteenth_of_the_weight_more_each_time) {
  Rig rig({4, 4});
  uint64_t since = warming_up(rig);
  state_changed(rig[1]);
  cr_expect_eq(share(rig, since), 4);
  cr_expect_eq(share(rig, since + 999), 4);
  cr_expect_eq(share(rig, since + 1000), 8);
  cr_expect_eq(share(rig, since + 8000), 36);
  cr_expect_eq(share(rig, since + 15000), 64);
  cr_expect_eq(share(rig, since + 16000), 64);
  cr_expect_eq(rig.pool.local->lineup.until_ms, UINT64_MAX, "nothing is looked at any more");
  cr_expect_eq(lineup(rig.pool, since + 16000).active[1].share, 64);
}

Test(slow_start, does_not_concern_weights_that_are_fixed) {
  Rig rig({4, 4});
  uint64_t since = warming_up(rig);
  rig.pool.limits.warms = false;
  state_changed(rig[1]);
  cr_expect_eq(share(rig, since), 64);
}

Test(slow_start, begins_when_a_server_takes_clients_again) {
  Rig rig({4, 4});
  rig.pool.limits.warms = true;
  rig[0].limits.slow_start = 16000;
  rig.state(0).warmth.serves = true;
  state_changed(rig[0]);
  cr_expect_not(warming(rig[0], rig.loop.now()));
  rig.state(0).admin = static_cast<uint8_t>(Admin::drain);
  state_changed(rig[0]);
  rig.state(0).admin = static_cast<uint8_t>(Admin::ready);
  state_changed(rig[0]);
  cr_expect_not(warming(rig[0], rig.loop.now() + 1), "it had kept its clients");
  rig.down(0);
  rig.up(0);
  rig.loop.update_clock();
  cr_expect(warming(rig[0], rig.loop.now()));
  cr_expect_eq(warm_percent(rig[0], rig.loop.now()), 1);
}

Test(slow_start, begins_when_failures_are_old_enough) {
  Rig rig({4, 4});
  rig.pool.limits.warms = true;
  uint64_t now = rig.loop.now();
  rig[0].limits.slow_start = 16000;
  rig[0].max_fails = 1;
  rig[0].fail_timeout = 10000;
  rig.state(0).fails = 1;
  rig.state(0).checked_ms = static_cast<int64_t>(now);
  state_changed(rig[1]);
  cr_expect_eq(lineup(rig.pool, now + 10000).active.size(), 1);
  cr_expect_eq(lineup(rig.pool, now + 10001).active.size(), 2);
  cr_expect_eq(share(rig, now + 10001), 4);
  cr_expect_eq(share(rig, now + 10001 + 16000), 64);
}

Test(limits, grow_from_minconn_with_the_load) {
  Rig rig(1);
  rig.pool.limits.full_conns = 100;
  rig[0].limits.min_conns = 5;
  rig.limit(0, 50);
  cr_expect_eq(limit_of(rig[0]), 5);
  for (int i = 0; i < 40; i++) rig.pool.state->current.up();
  cr_expect_eq(limit_of(rig[0]), 20);
  for (int i = 0; i < 60; i++) rig.pool.state->current.up();
  cr_expect_eq(limit_of(rig[0]), 50);
}

Test(limits, a_backup_has_a_place_for_those_whom_the_rule_lets_there) {
  Rig rig(3);
  rig.backup(1);
  rig.backup(2);
  for (size_t i = 0; i < 3; i++) rig.limit(i, 1);
  uint64_t now = rig.loop.now();
  rig.state(0).current.up();
  cr_expect_not(has_place(rig.pool, now));
  rig.pool.limits.backups = Backups::when_full;
  cr_expect(has_place(rig.pool, now));
  rig.down(0);
  rig.state(1).current.up();
  rig.pool.limits.backups = Backups::first;
  cr_expect_not(has_place(rig.pool, now));
  rig.pool.limits.backups = Backups::all;
  cr_expect(has_place(rig.pool, now));
}

Test(priority, orders_by_class_then_time_then_coming) {
  proxy::Priority usual, better, later;
  better.set_rank(-1);
  later.set_offset(500);
  cr_expect_lt(better.key(5000, 9), usual.key(1000, 1));
  cr_expect_lt(usual.key(1000, 1), usual.key(1000, 2));
  cr_expect_lt(usual.key(1499, 9), later.key(1000, 1));
  cr_expect_lt(later.key(1000, 1), usual.key(1501, 1));
  better.set_rank(-99999);
  cr_expect_eq(better.rank, -2047);
  cr_expect_gt(better.key(0, 0), 0);
}
