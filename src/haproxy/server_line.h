#pragma once
// Servers that no `server` line of a proxy makes.
#include "haproxy/scope.h"

namespace weir::haproxy {

// One without options, at the word's address, for `to`. Null after an error.
model::Server* add_plain_server(Scope& scope, Proxy& to, const Word& address);
// One as a `server` line makes it, for scope.proxy. Null after an error.
model::Server* add_server_line(Scope& scope, Str name, const Word& address, Words options, const Where& where);
// Options alone, on top of those that servers of scope.proxy start with. False after an error.
bool read_server_options(Scope& scope, Words words, ServerOptions& out, Str line);

}  // namespace weir::haproxy
