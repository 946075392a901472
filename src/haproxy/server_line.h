#pragma once
// Servers: of lines, of other words that name one, and of commands.
#include "haproxy/scope.h"

namespace weir::haproxy {

// The options of a line of that name (`server`, `server-template`): its origin's and then its own, on top of the global section's.
// `options` has what goes without an origin. False after an error.
bool line_options(Scope& scope, Words words, ServerOptions& options, Str line);

// What all workers know of the proxy's server of that name. Once for each name of a configuration.
model::ServerState& state_for(const Proxy& proxy, Str name);
// A server for scope.proxy that nobody knows yet. Null after an error.
model::Server* make_server(Scope& scope, Str name, model::ServerState& state, const Word& address,
                           const ServerOptions& options, const Where& where);

// Whether its `proto` can be spoken in the mode of its proxy.
void check_protocol(Scope& scope, const Proxy& proxy, const model::Server& server);

// One without options, at the word's address, for `to`. Null after an error.
model::Server* add_plain_server(Scope& scope, Proxy& to, const Word& address);
// One as a `server` line makes it, for scope.proxy. Null after an error.
model::Server* add_server_line(Scope& scope, Str name, const Word& address, Words options, const Where& where);
// Options alone, on top of those that servers of scope.proxy start with. False after an error.
bool read_server_options(Scope& scope, Words words, ServerOptions& out, Str line);

// The options that a server may have which is added at run time.
std::vector<Str> options_of_added();

}  // namespace weir::haproxy
