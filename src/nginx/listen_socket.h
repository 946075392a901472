#pragma once
// Options of client connections: so_keepalive=, rcvbuf=, sndbuf= and fastopen= of `listen`, and tcp_nodelay.
#include "config/tree.h"
#include "nginx/module.h"

namespace weir::net {
struct SocketOptions;
}

namespace weir::nginx {

extern const Module kListenSocketModule;
// tcp_nodelay off.
bool delays_small_pieces(const Level& level);
// True when the parameter is one of them; what is wrong with it is reported.
bool take_socket_parameter(Scope& scope, const config::Word& parameter, net::SocketOptions& options);

}  // namespace weir::nginx
