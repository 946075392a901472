#pragma once
// What is accepted and probably not meant, in HAProxy's words.
#include "haproxy/scope.h"

namespace weir::haproxy {

void check_proxy(Scope& scope, const Proxy& proxy);

}  // namespace weir::haproxy
