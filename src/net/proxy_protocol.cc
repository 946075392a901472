// See net/proxy_protocol.h.
#include "net/proxy_protocol.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/crc.h"

namespace weir::net {
namespace {

constexpr char kSignature[] = "\r\n\r\n\0\r\nQUIT\n";
constexpr Str kV2{kSignature, 12};
constexpr size_t kV1Most = 107;  // line end included
constexpr size_t kV2Head = 16;

unsigned byte(Str s, size_t at) {
  return static_cast<unsigned char>(s[at]);
}
uint16_t number16(Str s, size_t at) {
  return static_cast<uint16_t>(byte(s, at) << 8 | byte(s, at + 1));
}
void append16(std::string& out, size_t n) {
  out += static_cast<char>(n >> 8 & 0xff);
  out += static_cast<char>(n & 0xff);
}

bool begins(Str in, Str word) {
  return in.substr(0, word.size()) == word.substr(0, in.size());
}

// ---------------------------------------------------------------- version 1

bool read_port(Str s, uint16_t& out) {
  auto n = parse_u64(s);
  if (!n || *n > 65535 || s.size() > 5) return false;
  out = static_cast<uint16_t>(*n);
  return true;
}

// "TCP4 1.2.3.4 5.6.7.8 1000 80", the line without "PROXY " and line end.
bool read_v1_line(Str line, ProxyInfo& out) {
  if (line == "UNKNOWN" || line.starts_with("UNKNOWN ")) return true;
  Str family = cut(line, ' ');
  if (family != "TCP4" && family != "TCP6") return false;
  Str src = cut(line, ' ');
  Str dst = cut(line, ' ');
  Str sport = cut(line, ' ');
  uint8_t wanted = family == "TCP4" ? AF_INET : AF_INET6;
  if (src.starts_with('[') || dst.starts_with('[') || !parse_ip(src, out.src) || !parse_ip(dst, out.dst)) return false;
  if (out.src.family != wanted || out.dst.family != wanted) return false;
  if (!read_port(sport, out.src.port) || !read_port(line, out.dst.port)) return false;
  out.has_addresses = true;
  return true;
}

ProxyParse parse_v1(Str in, ProxyInfo& out, size_t& used) {
  Str head = in.substr(0, kV1Most);
  size_t end = head.find_first_of("\r\n");
  if (end == Str::npos) return in.size() < kV1Most ? ProxyParse::more : ProxyParse::bad;
  if (head[end] != '\r') return ProxyParse::bad;
  if (end + 1 >= in.size()) return end + 1 < kV1Most ? ProxyParse::more : ProxyParse::bad;
  if (in[end + 1] != '\n' || end + 2 > kV1Most) return ProxyParse::bad;
  out.version = 1;
  if (!read_v1_line(head.substr(6, end - 6), out)) return ProxyParse::bad;
  used = end + 2;
  return ProxyParse::ok;
}

// ---------------------------------------------------------------- version 2

bool well_formed(Str tlvs) {
  while (!tlvs.empty()) {
    if (tlvs.size() < 3) return false;
    size_t n = number16(tlvs, 1);
    if (tlvs.size() - 3 < n) return false;
    tlvs.remove_prefix(3 + n);
  }
  return true;
}

Addr read_addr(Str bytes, size_t at, uint8_t family, uint16_t port) {
  Addr a;
  a.family = family;
  a.port = port;
  memcpy(&a.v6, bytes.data() + at, family == AF_INET ? 4 : 16);
  return a;
}

// The part behind the fixed head: addresses, then TLVs.
bool read_v2_body(uint8_t family, uint8_t transport, Str body, ProxyInfo& out) {
  size_t addresses = family == 1 ? 12 : family == 2 ? 36 : family == 3 ? 216 : 0;
  if (body.size() < addresses) return false;
  if (transport == 1 && (family == 1 || family == 2)) {
    size_t n = family == 1 ? 4 : 16;
    uint8_t af = family == 1 ? AF_INET : AF_INET6;
    out.src = read_addr(body, 0, af, number16(body, 2 * n));
    out.dst = read_addr(body, n, af, number16(body, 2 * n + 2));
    out.has_addresses = true;
  }
  out.tlvs = body.substr(addresses);
  return well_formed(out.tlvs);
}

ProxyParse parse_v2(Str in, ProxyInfo& out, size_t& used, size_t limit) {
  if (in.size() < kV2Head) return ProxyParse::more;
  if (byte(in, 12) >> 4 != 2 || (byte(in, 12) & 15) > 1) return ProxyParse::bad;
  size_t size = number16(in, 14);
  if (kV2Head + size > limit) return ProxyParse::bad;
  if (in.size() - kV2Head < size) return ProxyParse::more;
  out.version = 2;
  used = kV2Head + size;
  bool local = (byte(in, 12) & 15) == 0;
  if (local) return ProxyParse::ok;
  auto family = static_cast<uint8_t>(byte(in, 13) >> 4);
  auto transport = static_cast<uint8_t>(byte(in, 13) & 15);
  if (family > 3 || transport > 2) return ProxyParse::bad;
  return read_v2_body(family, transport, in.substr(kV2Head, size), out) ? ProxyParse::ok : ProxyParse::bad;
}

Addr as_v6(const Addr& a) {
  if (a.family == AF_INET6) return a;
  Addr out;
  out.family = AF_INET6;
  out.port = a.port;
  auto* p = reinterpret_cast<uint8_t*>(&out.v6);
  p[10] = p[11] = 0xff;
  memcpy(p + 12, &a.v4, 4);
  return out;
}

}  // namespace

ProxyParse parse_proxy(Str in, ProxyInfo& out, size_t& used, size_t limit) {
  out = ProxyInfo();
  used = 0;
  if (in.empty()) return ProxyParse::more;
  if (begins(in, kV2)) return in.size() < kV2.size() ? ProxyParse::more : parse_v2(in, out, used, limit);
  if (!begins(in, "PROXY ")) return ProxyParse::bad;
  return in.size() < 6 ? ProxyParse::more : parse_v1(in, out, used);
}

bool proxy_sum_fits(Str header, const ProxyInfo& info) {
  Str sum, tlvs = info.tlvs;
  // A LOCAL header's are no part of the information, as it has no addresses.
  if (info.version == 2 && (byte(header, 12) & 15) == 0) tlvs = header.substr(kV2Head);
  if (!well_formed(tlvs) || !find_tlv(tlvs, kTlvCrc32c, sum)) return true;
  if (sum.size() != 4) return false;
  std::string blank(header);
  blank.replace(static_cast<size_t>(sum.data() - header.data()), sum.size(), sum.size(), '\0');
  return crc32c_of(blank) == (static_cast<uint32_t>(number16(sum, 0)) << 16 | number16(sum, 2));
}

std::optional<uint8_t> parse_tlv_type(Str text) {
  bool hex = text.size() > 2 && istarts_with(text, "0x");
  if (hex) text.remove_prefix(2);
  uint8_t type = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), type, hex ? 16 : 10);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return type;
}

bool find_tlv(Str tlvs, uint8_t type, Str& value) {
  while (tlvs.size() >= 3) {
    size_t n = std::min<size_t>(number16(tlvs, 1), tlvs.size() - 3);
    if (byte(tlvs, 0) == type) {
      value = tlvs.substr(3, n);
      return true;
    }
    tlvs.remove_prefix(3 + n);
  }
  return false;
}

bool parse_tlv_ssl(Str value, ProxySsl& out) {
  if (value.size() < 5 || !well_formed(value.substr(5))) return false;
  out.client = static_cast<uint8_t>(byte(value, 0));
  out.verify = static_cast<uint32_t>(number16(value, 1)) << 16 | number16(value, 3);
  out.tlvs = value.substr(5);
  return true;
}

std::string write_proxy_v1(const Addr& src, const Addr& dst) {
  if (!src.is_ip() || src.family != dst.family) return "PROXY UNKNOWN\r\n";
  Arena arena;
  return fmt::format("PROXY {} {} {} {} {}\r\n", src.family == AF_INET ? "TCP4" : "TCP6", src.ip_text(arena),
                     dst.ip_text(arena), src.port, dst.port);
}

std::string write_proxy_v2(const Addr& src, const Addr& dst, Str tlvs) {
  std::string out(kV2);
  out += '\x21';
  if (!src.is_ip() || !dst.is_ip()) {
    out += '\0';
    append16(out, tlvs.size());
    return out.append(tlvs);
  }
  bool v4 = src.family == AF_INET && dst.family == AF_INET;
  size_t n = v4 ? 4 : 16;
  Addr from = v4 ? src : as_v6(src);
  Addr to = v4 ? dst : as_v6(dst);
  out += v4 ? '\x11' : '\x21';
  append16(out, 2 * n + 4 + tlvs.size());
  out.append(reinterpret_cast<const char*>(&from.v6), n).append(reinterpret_cast<const char*>(&to.v6), n);
  append16(out, src.port);
  append16(out, dst.port);
  return out.append(tlvs);
}

std::string write_proxy_v2_local() {
  std::string out(kV2);
  out += '\x20';
  out.append(3, '\0');
  return out;
}

void append_tlv(std::string& out, uint8_t type, Str value) {
  value = value.substr(0, 65535);
  out += static_cast<char>(type);
  append16(out, value.size());
  out.append(value);
}

}  // namespace weir::net
