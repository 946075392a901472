#pragma once
// HAProxy's ways at the points where the core asks (proxy/personality.h), and what its steps need from there.
#include "haproxy/exchange.h"
#include "proxy/personality.h"

namespace weir::haproxy {

// `ignore_probes`: for listeners of frontends with option http-ignore-probes.
const proxy::Personality& personality(bool ignore_probes = false);

// The last step of a backend: headers about the client, then the request goes to a server.
proxy::Next run_forward(proxy::Transaction& txn, proxy::Cursor& cursor, const void* conf);
// Reads the request body up to tune.bufsize or `at_least` bytes, for at most `ms`. Next::next when that is done.
proxy::Next collect_request_body(proxy::Transaction& txn, proxy::Cursor& cursor, uint32_t at_least, uint32_t ms);

}  // namespace weir::haproxy
