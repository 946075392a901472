#pragma once
// proxy_bind: the local end of connections to servers.
#include "nginx/module.h"

namespace weir::proxy {
struct Forward;
}

namespace weir::nginx {

extern const Module kProxyBindModule;
// Of a location with proxy_pass: its plan learns of it.
void plan_source(Scope& scope, const Location& location, proxy::Forward& plan);

}  // namespace weir::nginx
