#pragma once
// The algorithms besides round robin (balance/balancer.h). All turn to the backup servers when no other is left: those of
// HAProxy to the first one, or with `all_backups` to all.
#include <cstdint>

#include "balance/balancer.h"

namespace weir::net {
struct Addr;
}

namespace weir::model {

// --- what a request is chosen by ---

// The text whose hash chooses; empty: there is none. In the transaction's arena or the model.
struct KeyText {
  Str (*text)(proxy::Transaction& txn, const void* conf);
  const void* conf = nullptr;
};
// The hash itself. False: the request has no key.
struct KeyHash {
  bool (*hash)(proxy::Transaction& txn, const void* conf, uint32_t& out);
  const void* conf = nullptr;
};

// --- nginx ---

// The server with the fewest requests for its weight; several such share them by weight.
Balancer* make_least_conn(const Pool& pool);
// The server with the least time for its weight, once the requests it has are done: until the head, or the last byte.
struct TimeRules {
  bool last_byte = false;
  bool inflight = false;  // how long requests that run have taken so far counts as well
};
Balancer* make_least_time(const Pool& pool, TimeRules rules);
// A server at random, by weight; or the better one of two: that with fewer requests for its weight, or with less time.
enum class Draw : uint8_t { one, two_least_conn, two_header_time, two_last_byte };
Balancer* make_random(const Pool& pool, Draw draw);
// The same server for a client's address while its servers stay the same. `client` may answer null.
using ClientAddress = const net::Addr* (*)(const proxy::Transaction& txn);
Balancer* make_ip_hash(const Pool& pool, ClientAddress client);
// The same server for a key while its servers stay the same.
Balancer* make_hash(const Pool& pool, KeyText key);
// Likewise, and a server that comes or goes moves only its share of the keys (ketama).
Balancer* make_ketama(const Pool& pool, KeyText key);

// --- HAProxy ---

Balancer* make_static_rr(const Pool& pool, bool all_backups);
struct LeastRules {
  bool all_backups = false;
  bool first_of_equals = false;  // weir's own face
};
Balancer* make_leastconn(const Pool& pool, LeastRules rules);
// The first server with a place, in the order of their numbers.
Balancer* make_first(const Pool& pool, bool all_backups);

// One server for everything, until it goes down.
Balancer* make_sticky(const Pool& pool);

struct RingRules {
  bool all_backups = false;
  uint32_t balance_factor = 0;  // hash-balance-factor, in percent; 0: off
  bool leaves_full = false;  // hash-preserve-affinity maxconn
  bool leaves_full_queue = false;  // hash-preserve-affinity maxqueue
};
// The least loaded one of `draws` servers at random, by weight.
Balancer* make_draws(const Pool& pool, uint32_t draws, RingRules rules);
// `name`: of the algorithm that the key comes from.
Balancer* make_map_hash(const Pool& pool, Str name, KeyHash key, bool all_backups);
Balancer* make_ring_hash(const Pool& pool, Str name, KeyHash key, RingRules rules);

// --- weir's own ---

// All of a server's turns in a row: A A B C for 2:1:1.
Balancer* make_wrr(const Pool& pool, bool all_backups);
struct MaglevRules {
  uint32_t size = 65537;  // of the table, a prime number
  bool all_backups = false;
};
bool is_prime(uint64_t n);
Balancer* make_maglev(const Pool& pool, KeyText key, MaglevRules rules);
// The server where the answer is expected first: its latency, which rises at once and falls slowly, times its requests.
Balancer* make_peak_ewma(const Pool& pool, bool all_backups);

}  // namespace weir::model
