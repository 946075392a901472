// See net/cidr.h.
#include "net/cidr.h"

#include <algorithm>

namespace weir::net {
namespace {

const uint8_t* bytes(const Addr& a) {
  return reinterpret_cast<const uint8_t*>(&a.v6);
}

int mask_bits(const Addr& mask) {
  int bits = 0;
  bool ended = false;
  for (int i = 0; i < (mask.family == AF_INET ? 4 : 16); i++)
    for (int b = 7; b >= 0; b--) {
      bool one = bytes(mask)[i] >> b & 1;
      if (one && ended) return -1;
      if (one) bits++;
      ended |= !one;
    }
  return bits;
}

}  // namespace

Addr unmapped(const Addr& a) {
  if (a.family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&a.v6)) return a;
  Addr out;
  out.family = AF_INET;
  out.port = a.port;
  memcpy(&out.v4, bytes(a) + 12, 4);
  return out;
}

bool Cidr::contains(const Addr& a) const {
  Addr plain = unmapped(a);
  if (plain.family != addr.family || !plain.is_ip()) return false;
  size_t whole = bits / 8;
  if (memcmp(bytes(plain), bytes(addr), whole) != 0) return false;
  if (bits % 8 == 0) return true;
  auto mask = static_cast<uint8_t>(0xff00 >> (bits % 8));
  return (bytes(plain)[whole] & mask) == bytes(addr)[whole];
}

CidrResult parse_cidr(Str text, Cidr& out) {
  size_t slash = text.find('/');
  Addr a;
  if (text.find('[') != Str::npos || !parse_ip(text.substr(0, slash), a)) return CidrResult::bad;
  int most = a.family == AF_INET ? 32 : 128;
  int bits = most;
  if (slash != Str::npos) {
    Str rest = text.substr(slash + 1);
    Addr mask;
    if (auto n = parse_u64(rest); n && *n <= static_cast<uint64_t>(most)) {
      bits = static_cast<int>(*n);
    } else if (rest.find('.') != Str::npos && a.family == AF_INET && parse_ip(rest, mask) && mask.family == AF_INET) {
      bits = mask_bits(mask);
      if (bits < 0) return CidrResult::bad;
    } else {
      return CidrResult::bad;
    }
  }
  out.bits = static_cast<uint8_t>(bits);
  out.addr = a;
  auto* p = reinterpret_cast<uint8_t*>(&out.addr.v6);
  bool host = false;
  for (int i = 0; i < most / 8; i++) {
    int left = std::clamp(bits - i * 8, 0, 8);
    auto mask = static_cast<uint8_t>(0xff00 >> left);
    host |= (p[i] & ~mask) != 0;
    p[i] &= mask;
  }
  return host ? CidrResult::host_bits : CidrResult::ok;
}

}  // namespace weir::net
