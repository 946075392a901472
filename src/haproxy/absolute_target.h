#pragma once
// Absolute request targets in their normal form.
#include "http/message.h"

namespace weir::haproxy {

// Takes a port that the scheme implies out of the target, the authority and the Host header, and gives a target without a
// path its "/" (RFC 3986 6.2.3, RFC 9110 4.2.3). The head as received changes with it: logs show the normal form.
// Of CONNECT only the Host header changes. There must be a scheme, or CONNECT, and Host must agree with the target, which the
// parser has seen to.
void normalize_target(http::Message& m);

}  // namespace weir::haproxy
