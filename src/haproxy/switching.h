#pragma once
// Steps that choose the backend and the server. `conf` is the Proxy that runs.
#include "haproxy/proxy.h"

namespace weir::haproxy {

proxy::Next run_switching(proxy::Transaction& txn, proxy::Cursor& cursor, const void* conf);
// A request that does not come from a HAProxy frontend: notes which backend it is in.
proxy::Next run_entry(proxy::Transaction& txn, proxy::Cursor& cursor, const void* conf);
proxy::Next run_use_server(proxy::Transaction& txn, proxy::Cursor& cursor, const void* conf);

}  // namespace weir::haproxy
