// Events per second and running means.
#include <criterion/criterion.h>

#include "stats/rate.h"

using namespace weir::stats;

Test(stats_rate, counts_the_last_second) {
  Rate r;
  for (int i = 0; i < 10; i++) r.add(5000);
  cr_expect_eq(r.read(5500), 10u);
  cr_expect_eq(r.read(6000), 10u, "the second before counts in full at the turn");
  cr_expect_eq(r.read(6500), 5u, "and in half in the middle");
  cr_expect_eq(r.read(7500), 0u);
  cr_expect_eq(r.max(), 10u);
  r.add(6500);
  cr_expect_eq(r.read(6500), 6u);
  cr_expect_eq(r.max(), 10u);
  r.clear_max();
  cr_expect_eq(r.max(), 0u);
}

Test(stats_rate, forgets_after_a_pause) {
  Rate r;
  r.add(1000);
  r.add(1000);
  r.add(9000);
  cr_expect_eq(r.read(9000), 1u);
}

Test(stats_rate, mean_of_few_and_many) {
  Mean m;
  m.add(10);
  m.add(20);
  cr_expect_eq(m.read(2), 15u);
  cr_expect_eq(m.max(), 20u);
  for (int i = 0; i < 20000; i++) m.add(7);
  uint32_t mean = m.read(20002);
  cr_expect(mean == 7 || mean == 8, "%u", mean);
}

Test(stats_rate, connections) {
  Connections c;
  c.opened(1000);
  c.opened(1000);
  c.closed();
  c.opened(1000);
  cr_expect_eq(c.current.read(), 2);
  cr_expect_eq(c.max_current.load(), 2);
  cr_expect_eq(c.total.load(), 3u);
}
