#pragma once
// `upstream {}` blocks and the pools that proxy_pass makes of plain addresses.
#include "nginx/module.h"

namespace weir::nginx {

extern const Module kUpstreamModule;

// The pool for "name", "host:port" or "unix:/path": an upstream block of that name, else an implicit one. Null after
// reporting that the host cannot be found.
model::Pool* find_or_make_pool(Scope& scope, Str target, uint16_t default_port, config::Where where);
// What Http::pools has an upstream block under: case does not matter.
std::string group_key(Str name);
// And a host: the same one is another server for another scheme.
std::string pool_key(Str target, uint16_t default_port);
// Resolves names that were read before their upstream block. Called when all blocks are known.
void finish_pools(Scope& scope);

}  // namespace weir::nginx
