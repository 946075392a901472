// Algorithms that look at how much servers have to do: leastconn in its three shapes, least_time, random ones, peak-ewma.
#include <criterion/criterion.h>

#include <cmath>

#include "rig.h"

using namespace weir;
using namespace weir::model;

using Owned = std::unique_ptr<Balancer>;

Test(leastconn, weirs_own_gives_ties_to_the_first) {
  Rig rig(3);
  Owned b(make_leastconn(rig.pool, {.first_of_equals = true}));
  cr_expect_eq(rig.begins(*b, 4), "ABCA");
  rig.end(*b, 0);
  cr_expect_eq(rig.begins(*b, 3), "ABC");
  rig.end(*b, 2);
  cr_expect_eq(rig.begins(*b, 1), "C");
}

Test(leastconn, weirs_own_divides_by_weight) {
  Rig rig({5, 2, 1});
  Owned b(make_leastconn(rig.pool, {.first_of_equals = true}));
  for (int i = 0; i < 10; i++) rig.state(0).current.up();
  for (int i = 0; i < 6; i++) rig.state(1).current.up();
  for (int i = 0; i < 4; i++) rig.state(2).current.up();
  cr_expect_eq(rig.picks(*b, 1), "A");
}

Test(leastconn, haproxys_lets_equals_take_turns) {
  Rig rig(3);
  Owned b(make_leastconn(rig.pool, {}));
  std::string order;
  for (int i = 0; i < 6; i++) {
    const Server* s = rig.begin(*b);
    order += s->name;
    rig.end(*b, s->slot);
  }
  cr_expect_eq(order, "ABCABC");
  cr_expect_eq(rig.begins(*b, 6), "ABCABC");
  rig.end(*b, 1);
  cr_expect_eq(rig.begins(*b, 1), "B");
}

Test(leastconn, haproxys_tells_weights_before_the_second_request) {
  Rig rig({1, 4});
  Owned b(make_leastconn(rig.pool, {}));
  std::string order = rig.begins(*b, 10);
  cr_expect_eq(order.substr(0, 2), "AB");
  cr_expect_eq(std::count(order.begin(), order.end(), 'B'), 8, "%s", order.c_str());
}

Test(leastconn, full_down_and_tried_servers_are_passed) {
  Rig rig(3);
  Owned b(make_leastconn(rig.pool, {}));
  rig.limit(0, 1);
  cr_expect_eq(rig.begins(*b, 4), "ABCB");
  rig.down(2);
  cr_expect_eq(rig.begins(*b, 1), "B");
  cr_expect_eq(rig.pick(*b, after({1})), &rig[1], "nobody else has a place");
  rig.up(2);
  cr_expect_eq(rig.pick(*b, after({1})), &rig[2]);
}

Test(leastconn, finds_what_other_processes_did) {
  Rig rig(3);
  Owned b(make_leastconn(rig.pool, {}));
  rig.begins(*b, 6);
  for (int i = 0; i < 2; i++) rig.state(1).current.down();  // without a word
  rig.begins(*b, 30);
  cr_expect_eq(rig.state(0).current.read() + rig.state(1).current.read() + rig.state(2).current.read(), 34);
  cr_expect_geq(rig.state(1).current.read(), 11);
}

Test(least_conn, nginxs_shares_ties_by_weight) {
  Rig rig({1, 2});
  Owned b(make_least_conn(rig.pool));
  auto n = rig.count(*b, 9);
  cr_expect(n[0] == 3 && n[1] == 6);
  cr_expect_eq(rig.begins(*b, 3).size(), 3u);
  cr_expect(rig.state(0).current.read() == 1 && rig.state(1).current.read() == 2);
}

Test(least_conn, large_pools_go_by_load_and_weight) {
  std::vector<int32_t> weights(200, 1);
  weights[3] = 10;
  Rig rig(weights);
  Owned b(make_least_conn(rig.pool));
  cr_expect(b->wishes.ends);
  for (int i = 0; i < 209; i++) rig.begin(*b);
  cr_expect_eq(rig.state(3).current.read(), 10);
  for (size_t i : {0, 50, 199}) cr_expect_eq(rig.state(i).current.read(), 1);
  rig.end(*b, 77);
  cr_expect_eq(rig.begin(*b), &rig[77]);
  auto n = [&] {
    for (size_t i = 0; i < 200; i++)
      while (rig.state(i).current.read() > 0) rig.end(*b, i);
    std::vector<size_t> count(200);
    for (int i = 0; i < 2090; i++) {
      const Server* s = rig.begin(*b);
      count[s->slot]++;
      rig.end(*b, s->slot);
    }
    return count;
  }();
  cr_expect(n[3] >= 90 && n[3] <= 110, "%zu", n[3]);
}

// Answers took that long.
static void answer(Rig& rig, Balancer& b, size_t i, uint64_t header_ms, uint64_t total_ms) {
  rig.state(i).current.up();
  rig.end(b, i, {.header_ms = header_ms, .total_ms = total_ms});
}

Test(least_time, goes_where_the_answer_is_expected_first) {
  Rig rig(3);
  Owned header(make_least_time(rig.pool, {})), whole(make_least_time(rig.pool, {.last_byte = true}));
  answer(rig, *header, 0, 300, 310);
  answer(rig, *header, 1, 30, 900);
  answer(rig, *header, 2, 100, 105);
  for (size_t i = 0; i < 3; i++) rig.state(i).latency.seen_ms = rig.loop.now();
  cr_expect_eq(rig.picks(*header, 2), "BB");
  cr_expect_eq(rig.picks(*whole, 2), "CC");
  for (int i = 0; i < 4; i++) rig.state(1).current.up();
  cr_expect_eq(rig.picks(*header, 1), "C", "40 ms times five is more than 120 ms");
}

Test(least_time, close_ones_share_by_weight) {
  Rig rig({1, 1, 2});
  Owned b(make_least_time(rig.pool, {}));
  answer(rig, *b, 0, 1, 1);
  answer(rig, *b, 1, 10, 10);
  answer(rig, *b, 2, 30, 30);
  for (size_t i = 0; i < 3; i++) rig.state(i).latency.seen_ms = rig.loop.now();
  auto n = rig.count(*b, 40);
  cr_expect(n[0] == 10 && n[1] == 10 && n[2] == 20, "%zu %zu %zu", n[0], n[1], n[2]);
}

Test(least_time, failures_are_no_quick_answers_and_idle_servers_get_another_chance) {
  Rig rig(2);
  Owned b(make_least_time(rig.pool, {}));
  answer(rig, *b, 0, 100, 100);
  answer(rig, *b, 1, 400, 400);
  rig.state(1).current.up();
  rig.end(*b, 1, {.header_ms = 1, .total_ms = 1, .failed = true});
  cr_expect_eq(rig.state(1).latency.header_ms, 400u);
  uint64_t now = rig.loop.now();
  rig.state(0).latency.seen_ms = rig.state(1).latency.seen_ms = now;
  cr_expect_eq(rig.picks(*b, 1), "A");
  rig[0].fail_timeout = rig[1].fail_timeout = 1000;
  rig.state(1).latency.seen_ms = now - std::min<uint64_t>(now, 7000);
  cr_expect_eq(rig.picks(*b, 1), "B", "halved three times");
}

Test(least_time, running_requests_count_with_inflight) {
  Rig rig(2);
  Owned b(make_least_time(rig.pool, {.inflight = true}));
  cr_expect(b->wishes.heads);
  answer(rig, *b, 0, 10, 10);
  answer(rig, *b, 1, 10, 10);
  for (size_t i = 0; i < 2; i++) rig.state(i).latency.seen_ms = rig.loop.now();
  const Server* s = rig.begin(*b);
  cr_expect_eq(s->state->latency.inflight.read(), 1);
  s->state->latency.changed_ms = rig.loop.now() - 500;  // it takes its time
  for (int i = 0; i < 5; i++) cr_expect_neq(rig.pick(*b), s);
  b->answered(*s, 500, rig.loop.now());
  cr_expect_eq(s->state->latency.inflight.read(), 0);
  rig.end(*b, s->slot, {.header_ms = 500, .total_ms = 510});
  cr_expect_eq(s->state->latency.inflight.read(), 0);
}

Test(least_time, requests_that_it_did_not_pick_count_with_inflight) {
  Rig rig(2);
  Owned b(make_least_time(rig.pool, {.inflight = true}));
  const Server* s = rig.begin(*b);
  b->taken(rig.pool, *s);
  s->state->current.up();
  cr_expect_eq(s->state->latency.inflight.read(), 2);
  rig.end(*b, s->slot, {.total_ms = 1});
  cr_expect_eq(s->state->latency.inflight.read(), 1, "the other one still runs");
  rig.end(*b, s->slot, {.total_ms = 1});
  cr_expect_eq(s->state->latency.inflight.read(), 0);
}

Test(random, nginxs_goes_by_weight_and_passes_who_cannot) {
  Rig rig({1, 2, 3});
  Owned b(make_random(rig.pool, Draw::one));
  auto n = rig.count(*b, 6000);
  cr_expect(n[0] > 850 && n[0] < 1150 && n[2] > 2800 && n[2] < 3200, "%zu %zu %zu", n[0], n[1], n[2]);
  rig.down(2);
  rig.limit(1, 1);
  rig.state(1).current.up();
  cr_expect_eq(rig.count(*b, 100)[0], 100u);
}

Test(random, two_prefers_the_less_busy_or_quicker) {
  Rig rig(2);
  Owned busy(make_random(rig.pool, Draw::two_least_conn)), quick(make_random(rig.pool, Draw::two_header_time));
  rig.state(0).current.up();
  cr_expect_gt(rig.count(*busy, 100)[1], 95u);
  rig.state(0).current.down();
  answer(rig, *quick, 0, 10, 10);
  answer(rig, *quick, 1, 200, 200);
  for (size_t i = 0; i < 2; i++) rig.state(i).latency.seen_ms = rig.loop.now();
  cr_expect_gt(rig.count(*quick, 100)[0], 95u);
}

Test(draws, go_by_weight_load_and_rate) {
  Rig rig({1, 1, 2});
  Owned one(make_draws(rig.pool, 1, {}));
  auto n = rig.count(*one, 8000);
  cr_expect(n[0] > 1800 && n[0] < 2200 && n[2] > 3800 && n[2] < 4200, "%zu %zu %zu", n[0], n[1], n[2]);
  Owned two(make_draws(rig.pool, 2, {}));
  for (int i = 0; i < 400; i++) rig.begin(*two);
  cr_expect(std::abs(rig.state(0).current.read() - 100) < 15, "%d", rig.state(0).current.read());
  cr_expect(std::abs(rig.state(2).current.read() - 200) < 25, "%d", rig.state(2).current.read());
}

Test(draws, find_the_one_with_a_place) {
  Rig rig(5);
  Owned b(make_draws(rig.pool, 2, {}));
  for (size_t i = 0; i < 4; i++) {
    rig.limit(i, 1);
    rig.state(i).current.up();
  }
  cr_expect_eq(rig.count(*b, 50)[4], 50u);
  cr_expect_eq(rig.pick(*b, after({4})), &rig[4]);
  rig.limit(4, 1);
  rig.state(4).current.up();
  cr_expect_null(rig.pick(*b));
}

Test(draws, stay_within_the_balance_factor) {
  Rig rig(4);
  Owned b(make_draws(rig.pool, 1, {.balance_factor = 110}));
  for (int i = 0; i < 400; i++) rig.begin(*b);
  for (size_t i = 0; i < 4; i++) cr_expect_leq(rig.state(i).current.read(), 112);
}

static TryEnd after_ms(Rig& rig, uint64_t ms, bool failed = false) {
  return {.header_ms = failed ? TryEnd::kNever : ms, .total_ms = ms, .now_ms = rig.loop.now(), .failed = failed};
}

Test(peak_ewma, measures_everybody_first) {
  Rig rig(3);
  Owned b(make_peak_ewma(rig.pool, false));
  cr_expect_eq(rig.begins(*b, 3), "ABC");
}

Test(peak_ewma, latency_times_requests) {
  Rig rig(2);
  Owned b(make_peak_ewma(rig.pool, false));
  rig.begins(*b, 2);
  rig.end(*b, 0, after_ms(rig, 10));
  rig.end(*b, 1, after_ms(rig, 45));
  cr_expect_eq(rig.begins(*b, 5), "AAAAB", "10, 20, 30, 40 ms expected there, then 45 here");
}

Test(peak_ewma, a_peak_counts_at_once_and_is_forgotten_slowly) {
  Rig rig(2);
  Owned b(make_peak_ewma(rig.pool, false));
  rig.begins(*b, 2);
  rig.end(*b, 0, after_ms(rig, 10));
  rig.end(*b, 1, after_ms(rig, 20));
  cr_expect_eq(rig.begins(*b, 1), "A");
  rig.end(*b, 0, after_ms(rig, 200));
  cr_expect_eq(rig.begins(*b, 1), "B");
  rig.end(*b, 1, after_ms(rig, 20));
  cr_expect_eq(rig.picks(*b, 1), "B");
  // 40 seconds later both have been forgotten alike, unless somebody was measured.
  TryEnd later = after_ms(rig, 20);
  later.now_ms += 40'000;
  rig.begins(*b, 1);
  rig.end(*b, 1, later);
  cr_expect_eq(rig.begins(*b, 1), "A");
}

Test(peak_ewma, a_stall_of_the_quick_is_over_when_they_have_answered) {
  Rig rig(2);
  Owned b(make_peak_ewma(rig.pool, false));
  rig.begins(*b, 2);
  rig.end(*b, 0, after_ms(rig, 400));
  rig.end(*b, 1, after_ms(rig, 300));
  int rounds = 0;
  while (rig.begins(*b, 1) == "B" && ++rounds < 100) {
    cr_expect_eq(rig.begins(*b, 1), "A", "two there would take longer");
    rig.end(*b, 0, after_ms(rig, 1));
    rig.end(*b, 1, after_ms(rig, 300));
  }
  cr_expect(rounds > 20 && rounds < 40, "%d", rounds);
}

Test(peak_ewma, who_fails_fast_attracts_nobody) {
  Rig rig(3);
  Owned b(make_peak_ewma(rig.pool, false));
  std::vector<int> n(3);
  for (int i = 0; i < 300; i++) {
    const Server* s = rig.begin(*b);
    n[s->slot]++;
    bool fails = s->slot == 1;
    rig.end(*b, s->slot, after_ms(rig, fails ? 0 : 30, fails));
  }
  cr_expect_leq(n[1], 3, "%d", n[1]);
  cr_expect(n[0] > 100 && n[2] > 100);
}

Test(peak_ewma, a_failure_is_slower_than_slow_servers) {
  Rig rig(2);
  Owned b(make_peak_ewma(rig.pool, false));
  rig.begins(*b, 2);
  rig.end(*b, 0, after_ms(rig, 3000));
  rig.end(*b, 1, after_ms(rig, 1, true));
  cr_expect_eq(rig.begins(*b, 1), "A");
}

Test(peak_ewma, weights_states_and_limits) {
  Rig rig({1, 4});
  Owned b(make_peak_ewma(rig.pool, false));
  rig.begins(*b, 2);
  for (size_t i = 0; i < 2; i++) rig.end(*b, i, after_ms(rig, 10));
  cr_expect_eq(rig.begins(*b, 10).size(), 10u);
  cr_expect_eq(rig.state(0).current.read(), 2);
  rig.down(1);
  cr_expect_eq(rig.picks(*b, 2), "AA");
  rig.up(1);
  rig.limit(1, 1);
  cr_expect_eq(rig.picks(*b, 2), "AA");
}
