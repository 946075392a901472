#pragma once
// The algorithms besides round robin (balance/balancer.h). All give a lone server the requests, and turn to the backup
// servers when no other is left.
#include "balance/balancer.h"

namespace weir::net {
struct Addr;
}

namespace weir::model {

// The server with the fewest requests for its weight; several such share them by weight.
Balancer* make_least_conn(const Pool& pool);
// A server at random, by weight; with `two`, the one of two that has the fewer requests for its weight.
Balancer* make_random(const Pool& pool, bool two);
// The same server for a client's address while its servers stay the same. `client` may answer null.
using ClientAddress = const net::Addr* (*)(const proxy::Transaction& txn);
Balancer* make_ip_hash(const Pool& pool, ClientAddress client);

}  // namespace weir::model
