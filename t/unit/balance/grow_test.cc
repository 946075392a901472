// Servers that come and go: Balancer::grow of the algorithms that allow it, and model/servers.h.
#include <criterion/criterion.h>

#include <functional>

#include "model/servers.h"
#include "rig.h"

using namespace weir;
using namespace weir::model;

namespace {

// A server that comes later.
struct Late {
  Server server;
  ServerState state;
  ServerLocal local;

  explicit Late(Str name, int32_t weight = 1) {
    server.name = name;
    server.weight = weight;
    server.state = &state;
    server.local = &local;
    server.max_fails = 0;
    server.number = 99;
    state.weight = weight;
  }
};

void add(Rig& rig, Balancer& b, Late& late) {
  late.server.slot = static_cast<uint16_t>(rig.pool.servers.size());
  late.server.pool = &rig.pool;
  {
    PickLock lock(rig.pool);
    b.grow(rig.pool.servers.size() + 1);
    rig.pool.servers.push_back(&late.server);
  }
  state_changed(late.server);
}

bool by_text(proxy::Transaction&, const void* conf, uint32_t& out) {
  static uint32_t next = 0;
  out = (next += 0x9e3779b9);
  return conf == nullptr;
}
Str one_key(proxy::Transaction&, const void*) {
  return {};
}

using Make = std::function<Balancer*(const Pool&)>;
struct Named {
  const char* name;
  Make make;
};
const Named kAll[] = {
    {"roundrobin", [](const Pool& p) { return make_haproxy_round_robin(p); }},
    {"leastconn", [](const Pool& p) { return make_leastconn(p, {}); }},
    {"first", [](const Pool& p) { return make_first(p, false); }},
    {"random", [](const Pool& p) { return make_draws(p, 2, {}); }},
    {"hash", [](const Pool& p) { return make_ring_hash(p, "hash", {by_text}, {}); }},
    {"sticky", [](const Pool& p) { return make_sticky(p); }},
    {"wrr", [](const Pool& p) { return make_wrr(p, false); }},
    {"maglev", [](const Pool& p) { return make_maglev(p, {one_key}, {251, false}); }},
    {"peak-ewma", [](const Pool& p) { return make_peak_ewma(p, false); }},
};

}  // namespace

// Ten servers come to two, and get requests; then all but the last one leave.
Test(grow, every_dynamic_algorithm_takes_servers_in) {
  for (const Named& algorithm : kAll) {
    Rig rig(2);
    std::unique_ptr<Balancer> b(algorithm.make(rig.pool));
    for (int i = 0; i < 20; i++) cr_assert(rig.pick(*b), "%s before", algorithm.name);
    std::vector<std::unique_ptr<Late>> late;
    for (int i = 0; i < 10; i++) {
      late.push_back(std::make_unique<Late>("late", i + 1));
      add(rig, *b, *late.back());
      for (int k = 0; k < 20; k++) cr_assert(rig.pick(*b), "%s with %d more", algorithm.name, i + 1);
    }
    rig.down(0);
    rig.down(1);
    for (size_t i = 0; i + 1 < late.size(); i++) remove_server(late[i]->server);
    for (int i = 0; i < 20; i++)
      cr_expect_eq(rig.pick(*b), &late.back()->server, "%s leaves the last one", algorithm.name);
    remove_server(late.back()->server);
    cr_expect_null(rig.pick(*b), "%s has nobody", algorithm.name);
  }
}

Test(grow, a_pool_may_begin_without_servers) {
  for (const Named& algorithm : kAll) {
    Rig rig(0);
    std::unique_ptr<Balancer> b(algorithm.make(rig.pool));
    cr_expect_null(rig.pick(*b), "%s", algorithm.name);
    Late first("first");
    add(rig, *b, first);
    cr_expect_eq(rig.pick(*b), &first.server, "%s", algorithm.name);
  }
}

Test(grow, who_was_there_keeps_its_turn) {
  Rig rig({2, 1});
  std::unique_ptr<Balancer> b(make_haproxy_round_robin(rig.pool));
  rig.picks(*b, 7);
  Late c("C", 1);
  add(rig, *b, c);
  std::string picks = rig.picks(*b, 400);
  // But for the line that ran when it came.
  for (auto [name, share] : {std::pair('A', 200), std::pair('B', 100), std::pair('C', 100)}) {
    auto count = std::ranges::count(picks, name);
    cr_expect(count >= share - 2 && count <= share + 2, "%c %td", name, count);
  }
}

Test(grow, a_place_is_given_to_the_next_one) {
  Rig rig(2);
  Model model;
  for (Server* s : rig.pool.servers) {
    s->id = s->slot;
    model.servers.push_back(s);
  }
  std::unique_ptr<Balancer> b(make_haproxy_round_robin(rig.pool));
  rig.pool.balancer = b.get();
  Late c("C"), d("D"), backup("E");
  cr_assert(place_server(model, rig.pool, c.server));
  cr_expect_eq(c.server.slot, 2);
  add_server(model, rig.pool, c.server);
  cr_expect_eq(rig.pool.servers.size(), 3u);
  remove_server(c.server);
  cr_expect(c.server.absent());
  cr_expect(c.server.without_address());
  backup.server.backup = true;
  cr_assert(place_server(model, rig.pool, backup.server));
  cr_expect_eq(backup.server.slot, 3, "backups follow backups only");
  cr_assert(place_server(model, rig.pool, d.server));
  cr_expect_eq(d.server.slot, 2);
  cr_expect_eq(d.server.id, c.server.id);
  add_server(model, rig.pool, d.server);
  cr_expect_eq(rig.pool.servers.size(), 3u);
  cr_expect_eq(rig.pool.servers[2], &d.server);
  cr_expect_eq(model.servers[2], &d.server);
  std::string picks = rig.picks(*b, 30);
  cr_expect_eq(std::ranges::count(picks, 'D'), 10);
  cr_expect_eq(std::ranges::count(picks, 'C'), 0);
}

Test(grow, the_state_of_a_name_begins_anew) {
  Rig rig(1);
  Model model;
  model.servers.push_back(rig.pool.servers[0]);
  std::unique_ptr<Balancer> b(make_haproxy_round_robin(rig.pool));
  rig.pool.balancer = b.get();
  Late c("C", 5);
  c.state.total = 7;
  c.state.up = false;
  c.state.weight = 100;
  c.state.configured.known = true;
  c.state.configured.weight = 5;
  c.server.disabled = true;
  cr_assert(place_server(model, rig.pool, c.server));
  add_server(model, rig.pool, c.server);
  cr_expect_eq(c.state.total.load(), 0u);
  cr_expect_eq(c.state.weight.load(), 5);
  cr_expect(c.state.up.load());
  cr_expect_eq(c.state.admin.load(), static_cast<uint8_t>(Admin::maint));
}
