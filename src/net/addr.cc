// Conversions of net/addr.h.
#include "net/addr.h"

#include <arpa/inet.h>

namespace weir::net {

Addr Addr::from(const sockaddr* sa, socklen_t size) {
  Addr a;
  a.family = static_cast<uint8_t>(sa->sa_family);
  if (sa->sa_family == AF_INET) {
    const auto* in = reinterpret_cast<const sockaddr_in*>(sa);
    a.v4 = in->sin_addr;
    a.port = ntohs(in->sin_port);
  } else if (sa->sa_family == AF_INET6) {
    const auto* in = reinterpret_cast<const sockaddr_in6*>(sa);
    a.v6 = in->sin6_addr;
    a.port = ntohs(in->sin6_port);
  } else {
    a.family = AF_UNIX;
    a.path = "";
    (void)size;
  }
  return a;
}

socklen_t Addr::to(sockaddr_storage& out) const {
  memset(&out, 0, sizeof out);
  out.ss_family = family;
  if (family == AF_INET) {
    auto* in = reinterpret_cast<sockaddr_in*>(&out);
    in->sin_addr = v4;
    in->sin_port = htons(port);
    return sizeof *in;
  }
  if (family == AF_INET6) {
    auto* in = reinterpret_cast<sockaddr_in6*>(&out);
    in->sin6_addr = v6;
    in->sin6_port = htons(port);
    return sizeof *in;
  }
  auto* un = reinterpret_cast<sockaddr_un*>(&out);
  size_t skip = abstract ? 1 : 0;
  size_t n = path_size < sizeof un->sun_path - 1 - skip ? path_size : sizeof un->sun_path - 1 - skip;
  memcpy(un->sun_path + skip, path, n);
  return abstract && !exact ? sizeof *un : static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + n + 1);
}

bool Addr::operator==(const Addr& o) const {
  if (family != o.family || port != o.port) return false;
  if (family == AF_INET) return v4.s_addr == o.v4.s_addr;
  if (family == AF_INET6) return memcmp(&v6, &o.v6, sizeof v6) == 0;
  return family != AF_UNIX || (abstract == o.abstract && exact == o.exact && unix_path() == o.unix_path());
}

Str Addr::ip_text(Arena& arena) const {
  if (!is_ip()) return "unix:";
  char* p = arena.alloc_chars(INET6_ADDRSTRLEN);
  if (family == AF_INET) {
    // Hand-made: inet_ntop costs over a thousand instructions, and this runs for nearly every request.
    const auto* b = reinterpret_cast<const uint8_t*>(&v4);
    char* q = p;
    for (int i = 0; i < 4; i++) {
      unsigned n = b[i];
      if (n >= 100) *q++ = static_cast<char>('0' + n / 100);
      if (n >= 10) *q++ = static_cast<char>('0' + n / 10 % 10);
      *q++ = static_cast<char>('0' + n % 10);
      *q++ = '.';
    }
    auto n = static_cast<size_t>(q - p - 1);
    arena.shrink(p, INET6_ADDRSTRLEN, n);
    return {p, n};
  }
  inet_ntop(AF_INET6, &v6, p, INET6_ADDRSTRLEN);
  size_t n = strlen(p);
  arena.shrink(p, INET6_ADDRSTRLEN, n);
  return {p, n};
}

std::string Addr::text() const {
  if (family == AF_UNIX) return (exact ? "abnsz@" : abstract ? "abns@" : "unix:") + std::string(unix_path());
  if (!is_ip()) return "-";
  char ip[INET6_ADDRSTRLEN];
  inet_ntop(family, family == AF_INET ? static_cast<const void*>(&v4) : &v6, ip, sizeof ip);
  std::string port_text = std::to_string(port);
  return family == AF_INET6 ? "[" + std::string(ip) + "]:" + port_text : std::string(ip) + ":" + port_text;
}

bool parse_ip(Str text, Addr& out) {
  if (text.size() > 1 && text.front() == '[' && text.back() == ']') text = text.substr(1, text.size() - 2);
  char buf[INET6_ADDRSTRLEN];
  if (text.size() >= sizeof buf) return false;
  buf[text.copy(buf, text.size())] = 0;
  out = Addr();
  if (inet_pton(AF_INET, buf, &out.v4) == 1)
    out.family = AF_INET;
  else if (inet_pton(AF_INET6, buf, &out.v6) == 1)
    out.family = AF_INET6;
  return out.family != AF_UNSPEC;
}

FlatAddr FlatAddr::of(const Addr& addr) {
  FlatAddr out;
  out.family = addr.family;
  out.port = addr.port;
  if (addr.family == AF_INET) memcpy(out.ip, &addr.v4, sizeof addr.v4);
  if (addr.family == AF_INET6) memcpy(out.ip, &addr.v6, sizeof addr.v6);
  return out;
}

Addr FlatAddr::addr() const {
  Addr out;
  out.family = family;
  out.port = port;
  if (family == AF_INET) memcpy(&out.v4, ip, sizeof out.v4);
  if (family == AF_INET6) memcpy(&out.v6, ip, sizeof out.v6);
  return out;
}

}  // namespace weir::net
