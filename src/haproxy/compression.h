#pragma once
// Adds the compression filter to a response where the configuration and the client want it.
#include "haproxy/exchange.h"

namespace weir::haproxy {

void add_compression(proxy::Transaction& txn, const Exchange& exchange);

}  // namespace weir::haproxy
