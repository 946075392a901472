// Who can be picked, and when that is looked at again: balance/lineup.h, balance/usable.cc.
#include <criterion/criterion.h>

#include "rig.h"

using namespace weir;
using namespace weir::model;

static std::string names(const std::vector<Lineup::Place>& places) {
  std::string out;
  for (const Lineup::Place& p : places) out += p.server->name;
  return out;
}

Test(lineup, follows_states_and_weights) {
  Rig rig({1, 1, 1, 1});
  rig.backup(3);
  const Lineup& l = lineup(rig.pool, rig.loop.now());
  cr_expect_eq(names(l.active), "ABC");
  cr_expect_eq(names(l.backup), "D");
  uint64_t version = l.version;
  rig.down(1);
  rig.weigh(2, 0);
  lineup(rig.pool, rig.loop.now());
  cr_expect_eq(names(l.active), "A");
  cr_expect_gt(l.version, version);
  rig.up(1);
  rig.state(0).admin = static_cast<uint8_t>(Admin::drain);
  state_changed(rig[0]);
  lineup(rig.pool, rig.loop.now());
  cr_expect_eq(names(l.active), "B");
}

Test(lineup, is_the_same_version_while_nothing_is_other) {
  Rig rig(3);
  const Lineup& l = lineup(rig.pool, rig.loop.now());
  uint64_t version = l.version;
  state_changed(rig[0]);
  lineup(rig.pool, rig.loop.now());
  cr_expect_eq(l.version, version);
}

Test(lineup, a_failing_server_is_back_when_its_time_is_over) {
  Rig rig(2);
  uint64_t now = rig.loop.now();
  rig[0].max_fails = 2;
  rig[0].fail_timeout = 10000;
  rig.state(0).fails = 2;
  rig.state(0).checked_ms = static_cast<int64_t>(now);
  state_changed(rig[0]);
  const Lineup& l = lineup(rig.pool, now);
  cr_expect_eq(names(l.active), "B");
  cr_expect_not(usable(rig[0], now + 10000));
  lineup(rig.pool, now + 10000);
  cr_expect_eq(names(l.active), "B");
  cr_expect(usable(rig[0], now + 10001));
  lineup(rig.pool, now + 10001);
  cr_expect_eq(names(l.active), "AB");
}

Test(lineup, a_server_gets_its_address_at_run_time) {
  Rig rig(2);
  rig[1].unresolved = true;
  const Lineup& l = lineup(rig.pool, rig.loop.now());
  cr_expect_eq(names(l.active), "A");
  uint64_t version = l.version;
  lineup(rig.pool, rig.loop.now() + 200);
  cr_expect_eq(l.version, version);
  net::Addr addr;
  addr.family = AF_INET;
  rig[1].local->addr = &addr;
  lineup(rig.pool, rig.loop.now() + 400);
  cr_expect_eq(names(l.active), "AB");
}

Test(lineup, places_and_limits) {
  Rig rig(2);
  uint64_t now = rig.loop.now();
  rig.backup(1);
  rig.limit(0, 1);
  cr_expect(has_place(rig.pool, now));
  cr_expect_not(is_full(rig.pool, now));
  rig.state(0).current.up();
  cr_expect_not(has_place(rig.pool, now), "a backup does not help out with a full server");
  cr_expect(is_full(rig.pool, now));
  cr_expect_not(takes_or_left(rig[0], now));
  cr_expect_eq(active_servers(rig.pool, now), 1);
  rig.down(0);
  cr_expect(has_place(rig.pool, now));
  cr_expect(takes_or_left(rig[0], now), "nobody waits for a server that is down");
  cr_expect_eq(active_servers(rig.pool, now), 0);
}

Test(lineup, a_lone_server_is_not_left_out_for_its_failures) {
  Rig rig(1);
  rig[0].max_fails = 1;
  rig.state(0).fails = 1;
  rig.state(0).checked_ms = static_cast<int64_t>(rig.loop.now());
  state_changed(rig[0]);
  cr_expect_eq(names(lineup(rig.pool, rig.loop.now()).active), "A");
  rig.down(0);
  cr_expect_eq(names(lineup(rig.pool, rig.loop.now()).active), "");
}
