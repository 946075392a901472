#pragma once
// Addresses as HAProxy writes them (configuration.txt 11): family prefixes, hosts, ports, port ranges. Configuration time
// only; results point into the arena.
#include <string>
#include <vector>

#include "base/arena.h"
#include "net/addr.h"

namespace weir::config {
struct Word;
}

namespace weir::haproxy {

struct Scope;

struct Address {
  enum class Family : uint8_t { any, ipv4, ipv6, path, abstract, descriptor, socket_pair };
  Family family = Family::any;
  bool datagram = false;  // udp@ and its like
  bool quic = false;
  bool zero_terminated = false;  // abnsz@: not padded
  Str host;  // without brackets; empty and "*": any address
  int port = -1;  // -1: none given
  int last_port = -1;  // of a range; else equal to port
  bool port_offset = false;  // `:+N` or `:-N`
  int fd = -1;

  bool is_inet() const { return family == Family::any || family == Family::ipv4 || family == Family::ipv6; }
};

// Splits and checks one address; nothing is resolved. Environment variables in it are expanded into the arena. False with a
// reason.
bool parse_address(Str text, Address& out, std::string& error, Arena& arena);

// Whether it says itself that it is a stream's, as tcp@ and uxst@ do.
bool says_stream(Str text);

// The socket addresses of it, one for each port of the range. `resolved` false: the host is a name that nobody knows
// (`error` says so); the text alone is good.
bool socket_addresses(const Address& a, Arena& arena, std::vector<net::Addr>& out, std::string& error);

// A host name by the system's resolver, IPv4 first. False when there is none of that family.
bool resolve_host(Str host, Address::Family family, net::Addr& out);

// Whether somebody can listen there; reports it when the port is missing. `who`: the word whose address it is.
bool has_port_to_listen(Scope& scope, const config::Word& word, Str text, const Address& a, Str who);

// Reports an address that cannot be used. One that hangs on an environment variable which is not set is only noted offline.
void report_address(Scope& scope, const config::Word& word, const std::string& problem, std::string remedy,
                    std::string product);

}  // namespace weir::haproxy
