#pragma once
// Waiting for time to pass in a step: tarpit, pause, inspection delays.
#include "proxy/transaction.h"

namespace weir::haproxy {

// Wakes `cursor` after `ms`; the step returns Next::wait. Cancelled with the transaction.
void sleep_for(proxy::Transaction& txn, proxy::Cursor& cursor, uint64_t ms);

}  // namespace weir::haproxy
