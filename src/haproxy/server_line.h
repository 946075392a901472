#pragma once
// Servers that no `server` line of a proxy makes.
#include "haproxy/scope.h"

namespace weir::haproxy {

// One without options, at the word's address, for `to`. Null after an error.
model::Server* add_plain_server(Scope& scope, Proxy& to, const Word& address);

}  // namespace weir::haproxy
