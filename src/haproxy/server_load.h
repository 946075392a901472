#pragma once
// What server lines say about the load that a server takes: limits that vary, queues, slow starts.
#include "haproxy/scope.h"

namespace weir::haproxy {

// Whether the proxy's algorithm lets weights and servers change; the others compute tables once.
bool is_dynamic(const Proxy& proxy);
// Binds an option of kServerLoadTable; false: it is another one.
bool take_load_option(Scope& scope, LoadOptions& o, Str name, Words args);
// The limits of a server with these options.
void set_limits(model::Server& server, const ServerOptions& options);
// For a proxy whose pool has its servers and its balancer.
void set_pool_limits(Scope& scope, const Proxy& proxy, model::Pool& pool);
// `fullconn` of backends that do not say: a tenth of what all frontends that may choose them can have. `most`: the limit of
// frontends that have none.
void default_full_conns(const Global& global, uint32_t most);

}  // namespace weir::haproxy
