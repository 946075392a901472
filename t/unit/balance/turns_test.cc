// Algorithms that take turns: nginx's and HAProxy's round robin, static-rr, wrr, first, sticky.
#include <criterion/criterion.h>

#include "balance/turns.h"
#include "rig.h"

using namespace weir;
using namespace weir::model;

using Owned = std::unique_ptr<Balancer>;

Test(smooth_round_robin, spreads_what_the_weights_say) {
  Rig rig({5, 1, 1});
  Owned b(make_smooth_round_robin(rig.pool));
  cr_expect_eq(rig.picks(*b, 14), "AABACAAAABACAA");
}

Test(smooth_round_robin, leaves_out_and_takes_back) {
  Rig rig(3);
  Owned b(make_smooth_round_robin(rig.pool));
  cr_expect_eq(rig.picks(*b, 4), "ABCA");
  rig.down(1);
  cr_expect_eq(rig.picks(*b, 4), "CCAC");
  rig.up(1);
  auto n = rig.count(*b, 300);
  cr_expect(n[0] == 100 && n[1] == 100 && n[2] == 100);
}

Test(smooth_round_robin, full_and_tried_servers_are_passed_then_backups_serve) {
  Rig rig(3);
  rig.backup(2);
  Owned b(make_smooth_round_robin(rig.pool));
  rig.limit(0, 1);
  rig.state(0).current.up();
  cr_expect_eq(rig.picks(*b, 2), "BB");
  cr_expect_eq(rig.pick(*b, after({1})), &rig[2]);
  cr_expect_null(rig.pick(*b, after({1, 2})));
}

Test(smooth_round_robin, large_pools_follow_the_weights) {
  std::vector<int32_t> weights(100, 1);
  weights[7] = 10;
  Rig rig(weights);
  Owned b(make_smooth_round_robin(rig.pool));
  auto n = rig.count(*b, 1090);
  cr_expect(n[7] >= 99 && n[7] <= 101, "%zu", n[7]);
  cr_expect(n[8] >= 9 && n[8] <= 11, "%zu", n[8]);
  rig.down(7);
  cr_expect_eq(rig.count(*b, 500)[7], 0u);
}

Test(turns, go_on_when_their_time_begins_anew) {
  Rig rig({1, 2, 4});
  PickLock lock(rig.pool);
  const Lineup& l = lineup(rig.pool, 0);
  Turns early(3), late(3, Turns::kLast - 1000);
  for (Turns* turns : {&early, &late}) turns->follow(l.active);
  auto anybody = [](uint16_t) { return true; };
  for (int i = 0; i < 100'000; i++) {
    uint16_t a = early.take(anybody), b = late.take(anybody);
    cr_assert_eq(a, b, "turn %d: %u, %u", i, a, b);
  }
}

Test(turns, who_was_passed_does_not_get_all_it_missed) {
  Rig rig(3);
  PickLock lock(rig.pool);
  Turns turns(3);
  turns.follow(lineup(rig.pool, 0).active);
  for (int i = 0; i < 1000; i++) turns.take([](uint16_t slot) { return slot != 1; });
  int n = 0;
  for (int i = 0; i < 300; i++) n += turns.take([](uint16_t) { return true; }) == 1;
  cr_expect(n >= 100 && n <= 101, "%d", n);
}

Test(smooth_round_robin, large_pools_take_huge_weights) {
  std::vector<int32_t> weights(40, 2'000'000);
  weights[7] = 100'000'000;
  weights[8] = 4'000'000;
  Rig rig(weights);
  Owned b(make_smooth_round_robin(rig.pool));
  auto n = rig.count(*b, 9000);
  cr_expect(n[0] >= 95 && n[0] <= 105, "%zu", n[0]);
  cr_expect(n[8] >= 190 && n[8] <= 210, "%zu", n[8]);
  cr_expect(n[7] >= 4900 && n[7] <= 5100, "%zu", n[7]);
}

// The orders are those of HAProxy itself, as t/diff/balancing compares them.
Test(roundrobin, has_haproxys_order) {
  Rig equal(3);
  Owned b(make_haproxy_round_robin(equal.pool));
  cr_expect_eq(equal.picks(*b, 6), "ABCABC");
  Rig rig({2, 1, 1});
  b.reset(make_haproxy_round_robin(rig.pool));
  std::string first = rig.picks(*b, 8);
  cr_expect_eq(std::count(first.begin(), first.end(), 'A'), 4);
  cr_expect_eq(first.find("AAA"), std::string::npos, "%s", first.c_str());
}

Test(roundrobin, counts_follow_weights_that_change) {
  Rig rig({10, 20, 30});
  Owned b(make_haproxy_round_robin(rig.pool));
  auto n = rig.count(*b, 6000);
  cr_expect(n[0] == 1000 && n[1] == 2000 && n[2] == 3000, "%zu %zu %zu", n[0], n[1], n[2]);
  rig.weigh(0, 50);
  n = rig.count(*b, 10000);
  cr_expect(n[0] >= 4990 && n[0] <= 5010, "%zu", n[0]);
  rig.weigh(0, 0);
  cr_expect_eq(rig.count(*b, 100)[0], 0u);
}

Test(roundrobin, servers_go_and_come) {
  Rig rig(4);
  Owned b(make_haproxy_round_robin(rig.pool));
  rig.picks(*b, 5);
  rig.down(2);
  cr_expect_eq(rig.count(*b, 90)[2], 0u);
  rig.up(2);
  auto n = rig.count(*b, 400);
  cr_expect(n[2] >= 98 && n[2] <= 101, "it does not get all at once what it missed: %zu", n[2]);
}

Test(roundrobin, passes_the_full_and_avoids_the_last_one_tried) {
  Rig rig(3);
  Owned b(make_haproxy_round_robin(rig.pool));
  rig.limit(1, 1);
  rig.state(1).current.up();
  cr_expect_eq(rig.count(*b, 60)[1], 0u);
  for (int i = 0; i < 10; i++) cr_expect_neq(rig.pick(*b, after({0})), &rig[0]);
  rig.down(2);
  cr_expect_eq(rig.pick(*b, after({0})), &rig[0], "nobody else has a place");
  rig.down(0);
  cr_expect_null(rig.pick(*b));
  rig.state(1).current.down();
  cr_expect_eq(rig.pick(*b), &rig[1]);
}

Test(roundrobin, backups) {
  Rig rig(4);
  for (size_t i : {1, 2, 3}) rig.backup(i);
  Owned first(make_haproxy_round_robin(rig.pool)), all(make_haproxy_round_robin(rig.pool, true));
  cr_expect_eq(rig.picks(*first, 3), "AAA");
  rig.down(0);
  cr_expect_eq(rig.picks(*first, 3), "BBB");
  cr_expect_eq(rig.picks(*all, 6), "BCDBCD");
  rig.up(0);
  cr_expect_eq(rig.picks(*all, 3), "AAA");
}

Test(static_rr, goes_through_the_table) {
  Rig rig({2, 4, 2});
  Owned b(make_static_rr(rig.pool, false));
  std::string turn = rig.picks(*b, 4);
  cr_expect_eq(std::count(turn.begin(), turn.end(), 'B'), 2, "%s", turn.c_str());
  cr_expect_eq(rig.picks(*b, 4), turn);
  rig.down(0);
  auto n = rig.count(*b, 300);
  cr_expect(n[0] == 0 && n[1] == 200 && n[2] == 100);
}

Test(wrr, gives_rows) {
  Rig rig({2, 1, 1});
  Owned b(make_wrr(rig.pool, false));
  cr_expect_eq(rig.picks(*b, 10), "AABCAABCAA");
  Rig other({3, 2, 1});
  b.reset(make_wrr(other.pool, false));
  cr_expect_eq(other.picks(*b, 12), "AAABBCAAABBC");
  Rig equal(3);
  b.reset(make_wrr(equal.pool, false));
  cr_expect_eq(equal.picks(*b, 10), "ABCABCABCA");
}

Test(wrr, rows_end_when_servers_go) {
  Rig rig({3, 2, 1});
  Owned b(make_wrr(rig.pool, false));
  cr_expect_eq(rig.picks(*b, 2), "AA");
  rig.down(0);
  cr_expect_eq(rig.picks(*b, 4), "BBCB");
  rig.up(0);
  cr_expect_eq(rig.picks(*b, 6), "BCAAAB");
  rig.limit(0, 1);
  rig.state(0).current.up();
  cr_expect_eq(rig.picks(*b, 4), "BCBB");
}

Test(first, fills_one_server_after_the_other) {
  Rig rig(3);
  Owned b(make_first(rig.pool, false));
  for (size_t i = 0; i < 3; i++) rig.limit(i, 2);
  cr_expect_eq(rig.begins(*b, 7), "AABBCC-");
  rig.end(*b, 1);
  cr_expect_eq(rig.begins(*b, 1), "B");
  rig.end(*b, 2);
  rig.end(*b, 0);
  cr_expect_eq(rig.begins(*b, 3), "AC-");
}

Test(first, goes_by_numbers_and_states) {
  Rig rig(3);
  rig[2].number = 0;
  Owned b(make_first(rig.pool, false));
  cr_expect_eq(rig.picks(*b, 2), "CC");
  cr_expect_eq(rig.pick(*b, after({2})), &rig[0]);
  rig.down(2);
  cr_expect_eq(rig.picks(*b, 2), "AA");
  rig.up(2);
  cr_expect_eq(rig.picks(*b, 1), "C");
}

Test(first, finds_places_that_nobody_told_of) {
  Rig rig(2);
  Owned b(make_first(rig.pool, false));
  rig.limit(0, 1);
  cr_expect_eq(rig.begins(*b, 2), "AB");
  rig.state(0).current.down();  // another process's request
  rig.picks(*b, 2);
  cr_expect_eq(rig.picks(*b, 1), "A");
}

Test(sticky, stays_until_it_must_go) {
  Rig rig(3);
  rig.backup(2);
  Owned b(make_sticky(rig.pool));
  cr_expect_eq(rig.picks(*b, 3), "AAA");
  rig.down(0);
  cr_expect_eq(rig.picks(*b, 2), "BB");
  rig.up(0);
  cr_expect_eq(rig.picks(*b, 2), "BB");
  rig.down(0);
  rig.down(1);
  cr_expect_eq(rig.picks(*b, 2), "CC");
  rig.up(0);
  cr_expect_eq(rig.picks(*b, 2), "AA");
}
