#pragma once
// Adds the compression filter to a response where the configuration and the client want it.
#include "haproxy/exchange.h"

namespace weir::haproxy {

// The core's gzip filter, set by whoever links it in; null: `compression algo gzip` is planned.
extern proxy::Filter* (*make_gzip)(proxy::Transaction& txn);

void add_compression(proxy::Transaction& txn, const Exchange& exchange);

}  // namespace weir::haproxy
