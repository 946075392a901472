#pragma once
// HAProxy's words for how an exchange ended: the status of an error, and the two letters of the termination state
// (configuration.txt 8.5).
#include "base/error.h"
#include "proxy/transaction.h"

namespace weir::haproxy {

uint16_t status_of(const Error& why);
// The letters for `why` at the point where the exchange stands now.
proxy::Termination termination_of(const proxy::Transaction& txn, const Error& why);

}  // namespace weir::haproxy
