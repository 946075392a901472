#pragma once
// Socket addresses in 24 bytes: IPv4, IPv6, and Unix paths whose text belongs to somebody who lives longer.
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstdint>
#include <string>

#include "base/arena.h"
#include "base/str.h"

namespace weir::net {

struct Addr {
  uint8_t family = AF_UNSPEC;  // AF_INET, AF_INET6, AF_UNIX
  bool abstract = false;       // AF_UNIX in the abstract namespace (abns@): padded with zeroes to the full length
  uint16_t port = 0;           // host byte order
  uint16_t path_size = 0;
  bool exact = false;          // an abstract name that is not padded (abnsz@): what other programs bind
  union {
    in_addr v4;
    in6_addr v6;
    const char* path;
  };

  Addr() : v6{} {}
  static Addr from(const sockaddr* sa, socklen_t size);
  // Fills `out` and returns its length for bind() and connect().
  socklen_t to(sockaddr_storage& out) const;
  Str unix_path() const { return family == AF_UNIX ? Str{path, path_size} : Str{}; }
  bool is_ip() const { return family == AF_INET || family == AF_INET6; }
  // 0.0.0.0 or ::, whatever the port.
  bool is_any() const {
    return family == AF_INET ? v4.s_addr == INADDR_ANY : family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&v6);
  }
  bool operator==(const Addr& o) const;

  // "127.0.0.1", "::1" without brackets, "unix:" for Unix sockets (as nginx's $remote_addr has it).
  Str ip_text(Arena& arena) const;
  // "127.0.0.1:80", "[::1]:80", "unix:/path".
  std::string text() const;
};

// An address in a form that another process can read; of a Unix address the family alone.
struct FlatAddr {
  uint8_t family = AF_UNSPEC;
  uint16_t port = 0;
  uint8_t ip[16] = {};

  static FlatAddr of(const Addr& addr);
  Addr addr() const;
};

// One numeric address without port; nothing resolved. Accepts brackets around IPv6.
bool parse_ip(Str text, Addr& out);

}  // namespace weir::net
