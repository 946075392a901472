#pragma once
// proxy_socket_keepalive, proxy_socket_rcvbuf and proxy_socket_sndbuf: options of connections to servers.
#include "nginx/module.h"

namespace weir::proxy {
struct Forward;
}

namespace weir::nginx {

extern const Module kProxySocketModule;
// Of a location with proxy_pass: its plan learns of them.
void plan_socket(Scope& scope, const Location& location, proxy::Forward& plan);

}  // namespace weir::nginx
