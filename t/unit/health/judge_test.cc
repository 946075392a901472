// Counting results: rise, fall, what follows for the server, agents, traffic.
#include <criterion/criterion.h>

#include "health/judge.h"
#include "stats/catalogue.h"

using namespace weir;
using namespace weir::health;

namespace {

struct Rig {
  model::Pool pool;
  model::PoolState pool_state;
  model::PoolLocal pool_local;
  model::Server server;
  model::ServerState state;
  model::ServerLocal local;
  Check check, agent;
  ServerChecks checks;
  Everywhere nowhere = [](const std::function<void(proxy::Shard&)>&) {};

  Rig() {
    pool.state = &pool_state;
    pool.local = &pool_local;
    server.pool = &pool;
    server.state = &state;
    server.local = &local;
    checks.check = &check;
    server.checks = &checks;
    agent.agent = true;
    agent.rise = agent.fall = 1;
    begin_count(server, check);
  }
  void result(Status status, const Check& of) { judge(server, of, {status, 0, ""}, 1, nowhere); }
  void result(Status status) { result(status, check); }
  bool up() const { return state.up.load(); }
  int health() const { return state.health.check.health.load(); }
};

}  // namespace

Test(judge, a_server_begins_up_and_falls_at_the_first_failure) {
  Rig r;
  cr_expect_eq(r.health(), 2);
  r.result(Status::l4_failed);
  cr_expect_not(r.up());
  cr_expect_eq(r.health(), 0);
  cr_expect_eq(r.state.health.downs.load(), 1u);
}

Test(judge, good_checks_make_it_stand_as_many_bad_ones_as_fall_says) {
  Rig r;
  r.result(Status::l4_ok);
  cr_expect_eq(r.health(), 4);
  r.result(Status::l4_failed);
  r.result(Status::l4_failed);
  cr_expect(r.up());
  r.result(Status::l4_failed);
  cr_expect_not(r.up());
  cr_expect_eq(r.state.health.failed.load(), 3u);
}

Test(judge, a_server_rises_after_rise_good_checks) {
  Rig r;
  r.result(Status::l4_failed);
  r.result(Status::l4_ok);
  cr_expect_not(r.up());
  r.result(Status::l4_ok);
  cr_expect(r.up());
  cr_expect_eq(r.health(), 4);
}

Test(judge, a_conditional_pass_stops_it) {
  Rig r;
  r.result(Status::l7_conditional);
  cr_expect(r.up());
  cr_expect(r.state.stopping.load());
  r.result(Status::l7_ok);
  cr_expect_not(r.state.stopping.load());
}

Test(judge, an_agent_that_cannot_be_asked_changes_nothing) {
  Rig r;
  r.checks.agent = &r.agent;
  begin_count(r.server, r.agent);
  r.result(Status::l4_failed, r.agent);
  cr_expect(r.up());
  r.state.health.agent.health = 0;
  r.result(Status::l7_wrong, r.agent);
  cr_expect_not(r.up());
  r.result(Status::l7_ok);  // the check alone does not bring it back
  cr_expect_not(r.up());
  r.state.health.agent.health = 1;
  r.result(Status::l7_ok, r.agent);
  cr_expect(r.up());
}

Test(judge, a_server_in_maintenance_stays_as_it_is) {
  Rig r;
  r.state.admin = static_cast<uint8_t>(model::Admin::maint);
  r.result(Status::l4_failed);
  cr_expect(r.up());
}

Test(judge, those_that_track_it_follow) {
  Rig one, two;
  two.checks.check = nullptr;
  two.checks.tracks = &one.server;
  one.checks.trackers.push_back(&two.server);
  one.result(Status::l4_failed);
  cr_expect_not(two.up());
  one.result(Status::l4_ok);
  one.result(Status::l4_ok);
  cr_expect(two.up());
}

Test(judge, traffic_takes_health_after_as_many_errors_as_the_limit_says) {
  Rig r;
  r.checks.observe = Observe::layer7;
  r.checks.error_limit = 3;
  r.checks.on_error = OnError::mark_down;
  cr_expect_not(observe(r.server, Seen::bad_answer, r.nowhere));
  cr_expect_not(observe(r.server, Seen::bad_answer, r.nowhere));
  cr_expect_not(observe(r.server, Seen::good_answer, r.nowhere));
  cr_expect_not(observe(r.server, Seen::bad_answer, r.nowhere));
  cr_expect_not(observe(r.server, Seen::bad_answer, r.nowhere));
  cr_expect(r.up());
  cr_expect(observe(r.server, Seen::no_answer, r.nowhere));
  cr_expect_not(r.up());
  cr_expect_eq(r.state.health.observed.load(), 1u);
}

Test(judge, layer_4_does_not_look_at_answers) {
  Rig r;
  r.checks.observe = Observe::layer4;
  r.checks.error_limit = 1;
  cr_expect_not(observe(r.server, Seen::bad_answer, r.nowhere));
  cr_expect(observe(r.server, Seen::unreachable, r.nowhere));
}

Test(judge, changed_limits_fit_the_state) {
  Rig r;
  r.check.rise = 5;
  begin_count(r.server, r.check);
  cr_expect_eq(r.health(), 5);
  r.state.up = false;
  begin_count(r.server, r.check);
  cr_expect_eq(r.health(), 4);
}

Test(judge, initial_states) {
  Check c;
  cr_expect_eq(c.first_health(), 2);
  c.begin = Begin::fully_up;
  cr_expect_eq(c.first_health(), 4);
  c.begin = Begin::down;
  cr_expect_eq(c.first_health(), 1);
  c.begin = Begin::fully_down;
  cr_expect_eq(c.first_health(), 0);
}
