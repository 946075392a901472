#pragma once
// `option forwarded`: the Forwarded header of RFC 7239.
#include "haproxy/exchange.h"

namespace weir::haproxy {

// Adds it to the request, as the backend says.
void add_forwarded_header(proxy::Transaction& txn, const Exchange& x);

}  // namespace weir::haproxy
