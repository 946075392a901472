#pragma once
// Headers about the client that are added right before a request goes to its server.
#include "haproxy/exchange.h"

namespace weir::haproxy {

void add_forwarded(proxy::Transaction& txn, const Exchange& exchange);

}  // namespace weir::haproxy
