#pragma once
// Waiting for time to pass in a step: tarpit, pause, inspection delays.
#include "proxy/transaction.h"

namespace weir::haproxy {

// Wakes `cursor` after `ms`; the step returns Next::wait. Cancelled with the transaction.
proxy::Waiter* sleep_for(proxy::Transaction& txn, proxy::Cursor& cursor, uint64_t ms);
// Ends a sleep before its time, or after it.
void end_sleep(proxy::Transaction& txn, proxy::Waiter* sleep);

}  // namespace weir::haproxy
