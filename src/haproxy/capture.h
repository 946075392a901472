#pragma once
// Captures of a request's exchange, by slot.
#include "haproxy/exchange.h"

namespace weir::haproxy {

// Fills the slots that name a header of the request or response.
void capture_headers(proxy::Transaction& txn, bool response);
// False: there is no such slot.
bool store_capture(proxy::Transaction& txn, bool response, uint32_t slot, Str value);

}  // namespace weir::haproxy
