#pragma once
// How connections get to servers (configuration.txt 5.2): socks4, source, pool-conn-name, addresses that follow the client's.
#include <span>

#include "base/str.h"

namespace weir::config {
struct Word;
}
namespace weir::model {
struct Server;
}

namespace weir::haproxy {

struct Address;
struct Proxy;
struct Scope;
struct ServerOptions;

// An option of a server line about that: true when `name` was one of them.
bool take_route_option(Scope& scope, ServerOptions& options, Str name, std::span<const config::Word> args);
// What the address of the line leaves to the client's.
void take_client_place(const Address& address, ServerOptions& options);
// After all lines of the backend: makes the server's route, where it has one.
void set_route(Scope& scope, const Proxy& proxy, model::Server& server);

}  // namespace weir::haproxy
