#pragma once
// resolver and resolver_timeout (ngx_http_core_module): who is asked for the addresses of names while requests run.
#include "nginx/module.h"

namespace weir::proxy {
class Names;
}

namespace weir::nginx {

extern const Module kResolverModule;

struct ResolverConf {
  Setting<proxy::Names*> names;
  Setting<uint32_t> timeout;  // ms
};

// The name servers that a `resolver` directive lists; null after an error.
proxy::Names* make_names(Scope& scope, const config::Directive& d);

}  // namespace weir::nginx
