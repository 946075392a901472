#pragma once
// The client's half of SOCKS4: one request, eight bytes of an answer, then the stream is the server's.
#include <string>

#include "net/addr.h"

namespace weir::net {

// The request to be led to `to`; empty: SOCKS4 cannot name it, it is no IPv4 address.
std::string socks4_request(const Addr& to);

enum class Socks4 : uint8_t {
  wait,     // the answer is not whole yet; nothing was taken
  granted,  // the answer was taken from the socket, and not a byte more
  denied,
  closed,   // the proxy has ended the connection
  failed,   // errno says how
};
// `ended`: the proxy sends no more than what is there.
Socks4 read_socks4(int fd, bool ended);
// A connection's way through a proxy (Conn::pass_socks4).
struct Socks4Way {
  std::string request;  // until it was sent
  bool passed = true;  // false: the proxy is yet to answer
  Str problem;  // with the proxy
};

// What is said about it, as HAProxy says it; lives for ever.
Str socks4_problem(Socks4 answer);

}  // namespace weir::net
