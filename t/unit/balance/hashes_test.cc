// Algorithms that hash: the servers that nginx and HAProxy choose, and what happens when servers go. Equality with the products
// over many keys is t/diff/balancing's.
#include <criterion/criterion.h>
#include <malloc.h>
#include <netinet/in.h>

#include <atomic>
#include <cmath>
#include <random>
#include <thread>

#include "expr/hash.h"
#include "net/addr.h"
#include "rig.h"

using namespace weir;
using namespace weir::model;

using Owned = std::unique_ptr<Balancer>;

static std::string g_key;
static net::Addr g_client;
static KeyText text{[](proxy::Transaction&, const void*) { return Str(g_key); }};
static KeyHash sdbm{[](proxy::Transaction&, const void*, uint32_t& out) {
  out = expr::avalanche(expr::hash_sdbm(g_key));
  return !g_key.empty();
}};
static const net::Addr* client(const proxy::Transaction&) {
  return &g_client;
}

// The slots that keys 0 to n-1 reach.
static std::vector<uint16_t> reached(Rig& rig, Balancer& b, size_t n) {
  std::vector<uint16_t> out;
  for (size_t i = 0; i < n; i++) {
    g_key = "key" + std::to_string(i);
    const Server* s = rig.pick(b);
    out.push_back(s ? s->slot : Tried::kNone);
  }
  return out;
}
static std::vector<size_t> shares(const std::vector<uint16_t>& slots, size_t servers) {
  std::vector<size_t> n(servers);
  for (uint16_t slot : slots) n[slot]++;
  return n;
}
// How many keys of servers that are in both moved.
static size_t moved(const std::vector<uint16_t>& a, const std::vector<uint16_t>& b, uint16_t gone) {
  size_t n = 0;
  for (size_t i = 0; i < a.size(); i++) n += a[i] != gone && b[i] != gone && a[i] != b[i];
  return n;
}

struct Case {
  const char* name;
  Balancer* (*make)(const Pool& pool);
  double uneven;  // how far a share may be from what the weights say
};
static const Case kCases[] = {
    {"hash", [](const Pool& p) { return make_hash(p, text); }, 0.1},
    {"ketama", [](const Pool& p) { return make_ketama(p, text); }, 0.35},
    {"map-based", [](const Pool& p) { return make_map_hash(p, "uri", sdbm, false); }, 0.1},
    {"consistent", [](const Pool& p) { return make_ring_hash(p, "uri", sdbm, {}); }, 0.7},
    {"maglev", [](const Pool& p) { return make_maglev(p, text, {}); }, 0.1},
};

Test(hashes, a_key_keeps_its_server_and_shares_follow_weights) {
  for (const Case& c : kCases) {
    Rig rig({1, 2, 3, 4});
    Owned b(c.make(rig.pool));
    auto first = reached(rig, *b, 10000);
    cr_expect(first == reached(rig, *b, 10000), "%s", c.name);
    auto n = shares(first, 4);
    for (size_t i = 0; i < 4; i++) {
      double wanted = 1000.0 * static_cast<double>(i + 1);
      cr_expect(std::abs(static_cast<double>(n[i]) - wanted) < wanted * c.uneven, "%s: %zu of %g", c.name, n[i],
                wanted);
    }
  }
}

Test(hashes, a_server_that_goes_takes_only_its_keys_with_it) {
  for (const Case& c : kCases) {
    Rig rig(8);
    Owned b(c.make(rig.pool));
    auto before = reached(rig, *b, 10000);
    rig.down(3);
    auto without = reached(rig, *b, 10000);
    cr_expect_eq(shares(without, 8)[3], 0u, "%s", c.name);
    Str name = c.name;
    size_t most = name == "map-based" ? 10000 : name == "maglev" ? 500 : 0;
    cr_expect_leq(moved(before, without, 3), most, "%s: %zu", c.name, moved(before, without, 3));
    rig.up(3);
    cr_expect(before == reached(rig, *b, 10000), "%s", c.name);
  }
}

Test(hashes, without_a_key_servers_take_turns) {
  for (const Case& c : kCases) {
    Rig rig(3);
    Owned b(c.make(rig.pool));
    g_key = "";
    auto n = rig.count(*b, 3000);
    for (size_t i = 0; i < 3; i++) cr_expect(n[i] > 500, "%s: %zu", c.name, n[i]);
  }
}

Test(hashes, nobody_is_left) {
  for (const Case& c : kCases) {
    Rig rig(2);
    Owned b(c.make(rig.pool));
    g_key = "x";
    rig.down(0);
    cr_expect_eq(rig.pick(*b), &rig[1], "%s", c.name);
    rig.down(1);
    cr_expect_null(rig.pick(*b), "%s", c.name);
  }
}

Test(hashes, prepared_ones_have_their_tables) {
  for (const Case& c : kCases) {
    if (Str(c.name) == "hash") continue;  // without a table
    Rig rig(100);
    for (size_t i = 0; i < 100; i++) rig.weigh(i, 20 + static_cast<int32_t>(i % 3));
    Owned b(c.make(rig.pool));
    g_key = "x";
    b->prepare(rig.pool, rig.loop.now());
    const size_t before = mallinfo2().uordblks;
    cr_assert(rig.pick(*b));
    cr_expect_lt(mallinfo2().uordblks - before, 2048u, "%s: %zu bytes", c.name, mallinfo2().uordblks - before);
  }
}

// Servers go and come while two threads choose: who is away is not chosen by anybody who could know.
Test(hashes, tables_are_made_while_others_choose) {
  for (const Case& c : kCases) {
    Rig rig(12);
    Owned b(c.make(rig.pool));
    g_key = "x";
    std::atomic<bool> over{false};
    std::atomic<size_t> other{0};
    std::thread thread([&] {
      net::Loop loop;
      for (; !over; other++)
        if (!rig.pick(*b)) break;
    });
    for (size_t i = 0; i < 300; i++) {
      const Server* chosen = rig.pick(*b);
      cr_assert(chosen, "%s", c.name);
      rig.down(chosen->slot);
      const Server* next = rig.pick(*b);
      cr_assert(next && next != chosen, "%s", c.name);
      rig.up(chosen->slot);
    }
    while (other == 0) std::this_thread::yield();
    over = true;
    thread.join();
  }
}

// Places that stay on the ring while their server is away, or has less weight, are not seen.
Test(consistent, is_as_if_it_had_been_made_anew) {
  std::minstd_rand random(1);
  Rig rig(20);
  Owned b(make_ring_hash(rig.pool, "uri", sdbm, {}));
  for (int i = 0; i < 200; i++) {
    const size_t server = random() % 20;
    switch (random() % 3) {
      case 0: rig.down(server); break;
      case 1: rig.up(server); break;
      default: rig.weigh(server, static_cast<int32_t>(random() % 50)); break;
    }
    if (i == 100)
      for (size_t k = 1; k < 20; k++) rig.down(k);  // few are left of many
    Owned fresh(make_ring_hash(rig.pool, "uri", sdbm, {}));
    cr_assert(reached(rig, *b, 500) == reached(rig, *fresh, 500), "change %d", i);
  }
}

// Cache::Memcached's numbers: (crc32(key) >> 16 & 0x7fff) modulo the weights.
Test(hash, has_nginxs_numbers) {
  Rig rig({3, 1, 2});
  Owned b(make_hash(rig.pool, text));
  for (int i = 0; i < 100; i++) {
    g_key = "k" + std::to_string(i);
    uint32_t point = (expr::hash_crc32(g_key) >> 16 & 0x7fff) % 6;
    cr_expect_eq(rig.pick(*b)->slot, point < 3 ? 0 : point < 4 ? 1 : 2);
  }
}

Test(hash, is_made_again_when_the_server_cannot_take_it) {
  Rig rig(4);
  Owned b(make_hash(rig.pool, text));
  g_key = "again";
  uint32_t first = expr::hash_crc32(g_key) >> 16 & 0x7fff;
  uint32_t second = first + (expr::hash_crc32("1" + g_key) >> 16 & 0x7fff);
  uint16_t slot = rig.pick(*b)->slot;
  cr_expect_eq(slot, first % 4);
  rig.down(slot);
  if (second % 4 != slot) cr_expect_eq(rig.pick(*b)->slot, second % 4);
  rig.up(slot);
  Tried tried;
  tried.add(slot);
  cr_expect_neq(rig.pick(*b, tried)->slot, slot);
}

Test(ketama, the_addresses_of_a_name_share_its_points) {
  Rig rig(3);
  rig[0].written = rig[1].written = "example.org:80";
  rig[2].written = "10.0.0.1:80";
  Owned b(make_ketama(rig.pool, text));
  size_t both = 0;
  for (int i = 0; i < 200; i++) {
    g_key = "k" + std::to_string(i);
    uint16_t one = rig.pick(*b)->slot, two = rig.pick(*b)->slot;
    cr_expect((one == 2) == (two == 2));
    both += one != two;
  }
  cr_expect_gt(both, 100u);
}

Test(ip_hash, counts_three_bytes_of_ipv4) {
  Rig rig(3);
  Owned b(make_ip_hash(rig.pool, client));
  std::vector<size_t> n(3);
  for (uint32_t net = 0; net < 300; net++) {
    g_client.family = AF_INET;
    g_client.v4.s_addr = htonl(0x0a000000 + (net << 8) + 1);
    uint16_t slot = rig.pick(*b)->slot;
    g_client.v4.s_addr = htonl(0x0a000000 + (net << 8) + 200);
    cr_expect_eq(rig.pick(*b)->slot, slot);
    n[slot]++;
  }
  for (size_t share : n) cr_expect(share > 60, "%zu", share);
}

Test(map_hash, keeps_a_full_server_and_passes_it_in_turns) {
  Rig rig(2);
  Owned b(make_map_hash(rig.pool, "uri", sdbm, false));
  cr_expect(b->wishes.insists);
  g_key = "k";
  const Server* s = rig.pick(*b);
  rig.limit(s->slot, 1);
  s->state->current.up();
  cr_expect_eq(rig.pick(*b), s);
  g_key = "";
  cr_expect_neq(rig.pick(*b), s);
}

Test(ring, leaves_full_servers_where_it_may) {
  Rig rig(3);
  Owned stays(make_ring_hash(rig.pool, "uri", sdbm, {}));
  Owned leaves(make_ring_hash(rig.pool, "uri", sdbm, {.leaves_full = true}));
  g_key = "k";
  const Server* s = rig.pick(*stays);
  cr_expect_eq(rig.pick(*leaves), s);
  rig.limit(s->slot, 1);
  s->state->current.up();
  cr_expect_eq(rig.pick(*stays), s);
  cr_expect_neq(rig.pick(*leaves), s);
  Tried tried;
  tried.add(s->slot);
  cr_expect_neq(rig.pick(*stays, tried), s, "another server is tried");
}

Test(ring, keeps_loads_within_the_balance_factor) {
  Rig rig(4);
  Owned b(make_ring_hash(rig.pool, "uri", sdbm, {.balance_factor = 125}));
  g_key = "everybody's";
  for (int i = 0; i < 100; i++) rig.begin(*b);
  for (size_t i = 0; i < 4; i++) {
    int32_t n = rig.state(i).current.read();
    cr_expect(n >= 7 && n <= 32, "%d", n);
  }
}

Test(ring, places_come_from_numbers_or_addresses) {
  Rig a(2), b(2);
  for (Rig* rig : {&a, &b})
    for (size_t i = 0; i < 2; i++) {
      Server& s = (*rig)[rig == &a ? i : 1 - i];
      s.ring_key = RingKey::address_and_port;
      s.addr.family = AF_INET;
      s.addr.v4.s_addr = htonl(0x0a000001 + static_cast<uint32_t>(i));
      s.addr.port = 80;
    }
  Owned x(make_ring_hash(a.pool, "uri", sdbm, {})), y(make_ring_hash(b.pool, "uri", sdbm, {}));
  for (int i = 0; i < 100; i++) {
    g_key = std::to_string(i);
    cr_expect_eq(a.pick(*x)->addr.v4.s_addr, b.pick(*y)->addr.v4.s_addr, "the order of the lines does not matter");
  }
}

Test(maglev, is_even_and_moves_few_keys) {
  Rig rig(100);
  Owned b(make_maglev(rig.pool, text, {.size = 65537}));
  auto before = reached(rig, *b, 100000);
  auto n = shares(before, 100);
  for (size_t share : n) cr_expect(share > 850 && share < 1150, "%zu", share);
  rig.down(42);
  auto without = reached(rig, *b, 100000);
  size_t others = moved(before, without, 42);
  cr_expect(others < 3000, "%zu", others);
}

Test(maglev, the_table_is_the_same_whatever_the_order) {
  Rig a(3), b(3);
  std::swap(b[0].name, b[2].name);
  Owned x(make_maglev(a.pool, text, {.size = 251})), y(make_maglev(b.pool, text, {.size = 251}));
  for (int i = 0; i < 200; i++) {
    g_key = std::to_string(i);
    cr_expect_eq(a.pick(*x)->name, b.pick(*y)->name);
  }
}

Test(maglev, sizes) {
  cr_expect(is_prime(65537) && is_prime(3) && is_prime(655373));
  cr_expect_not(is_prime(65536) || is_prime(1) || is_prime(655371));
}
