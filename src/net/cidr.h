#pragma once
// Networks: an address and the number of its leading bits that count.
#include "net/addr.h"

namespace weir::net {

struct Cidr {
  Addr addr;         // host bits cleared
  uint8_t bits = 0;  // 0 to 32 or 128

  // An IPv4-mapped IPv6 address is its IPv4 address here. Unix sockets are in no network.
  bool contains(const Addr& a) const;
};

// The IPv4 address that an IPv6 address carries (::ffff:a.b.c.d); others as they are, the port kept.
Addr unmapped(const Addr& a);

enum class CidrResult : uint8_t { ok, host_bits, bad };  // host_bits: accepted, but bits behind the prefix were set
// "10.0.0.0/8", "2001:db8::/32", an address alone, "10.0.0.0/255.0.0.0".
CidrResult parse_cidr(Str text, Cidr& out);

}  // namespace weir::net
