#pragma once
// Servers of upstream {} that follow names while requests run: `server NAME resolve [service=NAME]`, `resolver` and
// `resolver_timeout` of the group (ngx_http_upstream_module).
#include "nginx/module.h"

namespace weir::nginx {

extern const Module kUpstreamNamesModule;

// Adds the servers that the name's addresses will be given to. `service` is empty without that parameter.
void add_named_servers(Scope& scope, model::Pool& pool, const model::Server& pattern, const config::Word& word,
                       Str service);

}  // namespace weir::nginx
