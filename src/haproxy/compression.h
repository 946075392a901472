#pragma once
// Which responses are compressed: the coding is agreed on while the request still has its Accept-Encoding, the filter is added
// when the response is there.
#include "haproxy/exchange.h"

namespace weir::haproxy {

// Decides exchange.coding; with `compression offload` the server does not see what the client accepts.
void choose_coding(proxy::Transaction& txn, Exchange& exchange);
// Adds the compression filter to a response where the configuration and the client want it.
void add_compression(proxy::Transaction& txn, Exchange& exchange);

}  // namespace weir::haproxy
