#pragma once
// The step that answers monitor-uri. `conf` is the frontend.
#include "proxy/step.h"

namespace weir::haproxy {

proxy::Next run_monitor(proxy::Transaction& txn, proxy::Cursor& cursor, const void* conf);

}  // namespace weir::haproxy
