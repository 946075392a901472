#pragma once
// `persist rdp-cookie`: a session of terminal servers goes to the server that its cookie names. Internal to the HAProxy
// personality.
#include "proxy/step.h"

namespace weir::haproxy {

// Step of the backend in `conf`; never waits.
proxy::Next run_rdp_cookie(proxy::Transaction& txn, proxy::Cursor& c, const void* conf);

}  // namespace weir::haproxy
