#pragma once
// Waiting for more of what a TCP client sends, within tcp-request inspect-delay.
#include "haproxy/exchange.h"

namespace weir::haproxy {

proxy::Next wait_for_content(proxy::Transaction& txn, proxy::Cursor& cursor);

}  // namespace weir::haproxy
