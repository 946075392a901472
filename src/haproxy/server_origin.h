#pragma once
// `from <origin>` of server and default-server lines, and default-servers with names (configuration.txt 5.2).
#include "haproxy/scope.h"

namespace weir::haproxy {

// Takes `from <origin>` off the front of the words and sets the options to the origin's; without it they stay as they are.
// False after an error.
bool take_origin(Scope& scope, Words& words, ServerOptions& options);

// The default-server that a line is about, `name <name>` taken off its words. Null after an error.
DefaultServer* default_server_of(Scope& scope, Words& words);

// The default-servers of all backends, or of one, as `show default-server` lists them.
std::string list_default_servers(const Global& global, const Proxy* only);

}  // namespace weir::haproxy
