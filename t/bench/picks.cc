// Picks from a pool for ./picks, which counts the instructions of measured_pick and measured_end under callgrind.
// usage: picks ALGORITHM SERVERS PICKS
#include <cstdio>
#include <cstdlib>

#include "../unit/balance/rig.h"
#include "expr/hash.h"
#include "net/addr.h"

using namespace weir;
using namespace weir::model;

static char g_key[] = "/products/00000000";
static uint32_t g_hash = 0;  // where the algorithm gets one: what it is made of is not its business
static net::Addr g_client;

static KeyText text{[](proxy::Transaction&, const void*) { return Str(g_key, sizeof g_key - 1); }};
static KeyHash hash{[](proxy::Transaction&, const void*, uint32_t& out) {
  out = g_hash;
  return true;
}};
static const net::Addr* client(const proxy::Transaction&) {
  return &g_client;
}

struct Algorithm {
  Str name;
  Balancer* (*make)(const Pool& pool);
};
static const Algorithm kAlgorithms[] = {
    {"nginx-round-robin", make_smooth_round_robin},
    {"roundrobin", [](const Pool& p) { return make_haproxy_round_robin(p); }},
    {"static-rr", [](const Pool& p) { return make_static_rr(p, false); }},
    {"wrr", [](const Pool& p) { return make_wrr(p, false); }},
    {"least_conn", make_least_conn},
    {"leastconn", [](const Pool& p) { return make_leastconn(p, {}); }},
    {"leastconn-weir", [](const Pool& p) { return make_leastconn(p, {.first_of_equals = true}); }},
    {"least_time", [](const Pool& p) { return make_least_time(p, {}); }},
    {"least_time-inflight", [](const Pool& p) { return make_least_time(p, {.inflight = true}); }},
    {"first", [](const Pool& p) { return make_first(p, false); }},
    {"sticky", make_sticky},
    {"map-based", [](const Pool& p) { return make_map_hash(p, "uri", hash, false); }},
    {"consistent", [](const Pool& p) { return make_ring_hash(p, "uri", hash, {}); }},
    {"consistent-factor", [](const Pool& p) { return make_ring_hash(p, "uri", hash, {.balance_factor = 150}); }},
    {"ip_hash", [](const Pool& p) { return make_ip_hash(p, client); }},
    {"hash", [](const Pool& p) { return make_hash(p, text); }},
    {"ketama", [](const Pool& p) { return make_ketama(p, text); }},
    {"peak-ewma", [](const Pool& p) { return make_peak_ewma(p, false); }},
    {"random", [](const Pool& p) { return make_draws(p, 2, {}); }},
    {"nginx-random", [](const Pool& p) { return make_random(p, Draw::one); }},
    {"nginx-random-two", [](const Pool& p) { return make_random(p, Draw::two_least_conn); }},
    {"nginx-random-time", [](const Pool& p) { return make_random(p, Draw::two_header_time); }},
    {"maglev", [](const Pool& p) { return make_maglev(p, text, {}); }},
};

extern "C" [[gnu::noinline]] const Server* measured_pick(Balancer& b, const Pool& pool, proxy::Transaction& txn,
                                                         const Tried& tried) {
  return b.pick(pool, txn, tried);
}
extern "C" [[gnu::noinline]] void measured_end(Balancer& b, const Server& s, const TryEnd& end) {
  if (b.wishes.ends) b.ended(s, end);
}

int main(int argc, char** argv) {
  if (argc < 2) {
    for (const Algorithm& a : kAlgorithms) printf("%s\n", a.name.data());
    return 0;
  }
  size_t servers = argc > 2 ? strtoul(argv[2], nullptr, 10) : 1000,
         picks = argc > 3 ? strtoul(argv[3], nullptr, 10) : 0;
  // One worker that serves and one that drains.
  static const std::atomic<int32_t> workers{2};
  g_slots_end = &workers;
  Rig rig(servers);
  for (size_t i = 0; i < servers; i++) {
    rig.weigh(i, 1 + static_cast<int32_t>(i % 5));
    rig.limit(i, 1000);
  }
  g_client.family = AF_INET;
  std::unique_ptr<Balancer> b;
  for (const Algorithm& a : kAlgorithms)
    if (a.name == argv[1]) b.reset(a.make(rig.pool));
  if (!b) return 2;
  // Half of the servers are busy at any time, as many requests begin as end.
  std::vector<const Server*> running(servers / 2 + 1);
  for (size_t i = 0; i < picks + 5 * servers; i++) {
    snprintf(g_key, sizeof g_key, "/products/%08zu", i * 7919);
    g_hash = expr::avalanche(expr::hash_sdbm(g_key));
    g_client.v4.s_addr = static_cast<in_addr_t>(i * 2654435761u);
    bool warm = i >= 5 * servers;
    const Server*& place = running[i % running.size()];
    if (place) {
      place->state->current.down();
      rig.pool.state->current.down();
      uint64_t ms = 1 + place->slot % 40;
      TryEnd end{.header_ms = ms, .total_ms = ms + 1, .now_ms = rig.loop.now() + i / 100};
      if (warm)
        measured_end(*b, *place, end);
      else if (b->wishes.ends)
        b->ended(*place, end);
    }
    place = warm ? measured_pick(*b, rig.pool, rig.nobody(), {}) : rig.pick(*b);
    if (!place) return 3;
    place->state->current.up();
    rig.pool.state->current.up();
    place->state->rate.add(rig.loop.now());
  }
}
