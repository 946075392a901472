#pragma once
// Whose request it is: the address of the connection, or the one that a trusted proxy told (realip), and chains of
// forwarded addresses.
#include "net/cidr.h"
#include "nginx/module.h"

namespace weir::nginx {

// Null when there is nobody (a background subrequest after its client has left).
const net::Addr* client_addr(const proxy::Transaction& txn);

// "10.0.0.0/8", an address, "unix:" or "all".
struct Network {
  net::Cidr cidr;
  bool any_unix = false;
  bool all = false;
  bool contains(const net::Addr& a) const;
};
// False after reporting.
bool read_network(Scope& scope, const config::Word& word, Network& out);

// Walks an X-Forwarded-For chain from its end: `addr` becomes the address that the last trusted hop named
// (ngx_http_get_forwarded_addr). False: nothing changed.
bool forwarded_addr(Str chain, const ArenaList<Network>& trusted, bool recursive, net::Addr& addr);
// The lines of a header as one chain.
Str header_chain(proxy::Transaction& txn, Str name);

// "1.2.3.4", "1.2.3.4:80", "::1", "[::1]:80".
bool parse_ip_port(Str text, net::Addr& out);

}  // namespace weir::nginx
