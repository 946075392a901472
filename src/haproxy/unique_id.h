#pragma once
// The identifier of a request.
#include "haproxy/exchange.h"

namespace weir::haproxy {

// Empty when the frontend has no format.
Str unique_id(proxy::Transaction& txn);
// The header for the server, when one is configured.
void add_unique_id(proxy::Transaction& txn, const Exchange& exchange);

}  // namespace weir::haproxy
