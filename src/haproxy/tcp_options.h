#pragma once
// What bind and server lines, proxies and the global section say about sockets: keep-alive probes, buffers, Fast Open,
// segment sizes, interfaces.
#include <span>

#include "base/str.h"

namespace weir::config {
struct Word;
}
namespace weir::model {
struct Listener;
struct Server;
}  // namespace weir::model
namespace weir::net {
struct SocketOptions;
}

namespace weir::haproxy {

struct Proxy;
struct Scope;
struct ServerOptions;

// Why `tfo` does nothing on lines of other servers.
inline constexpr Str kFastOpenForRequests = "only requests of clients go in a SYN";

// interface, mss, tcp-ut and tfo of bind lines and their like: true when `name` was one of them. The queue of Fast Open is as long as the
// listen queue, which may be said later: any number stands for it until then.
bool take_socket_option(Scope& scope, Str name, std::span<const config::Word> args, Str& interface,
                        net::SocketOptions& options);
// After all words: what the proxy and the global section add to a listener, or to a server.
void set_listener_socket(const Scope& scope, const Proxy& proxy, model::Listener& listener);
void set_server_socket(Scope& scope, const Proxy& proxy, model::Server& server);
// tfo, no-tfo and tcp-ut of server lines.
bool take_server_socket_option(Scope& scope, ServerOptions& options, Str name, std::span<const config::Word> args);

}  // namespace weir::haproxy
