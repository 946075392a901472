#pragma once
// The PROXY protocol, versions 1 and 2 (haproxy.org proxy-protocol.txt): reading the header that a proxy in front of us
// sends before anything else, and writing one for a server. Pure functions on bytes; nothing here touches a socket.
#include <cstdint>
#include <optional>
#include <string>

#include "net/addr.h"

namespace weir::net {

struct ProxyInfo {
  uint8_t version = 0;
  // False: "UNKNOWN", LOCAL, or a family that carries no addresses: the connection's own addresses stay valid.
  bool has_addresses = false;
  Addr src;  // the client, as the proxy saw it
  Addr dst;  // where it connected to
  Str tlvs;  // version 2: type, length, value one after the other, checked to be well-formed
};

enum class ProxyParse : uint8_t {
  ok,
  more,  // a beginning of a header
  bad,
};

// Reads a header from the front of `in`. On ok `used` says how long it was; out.tlvs points into `in`. A version 2 header
// longer than `limit` is bad.
ProxyParse parse_proxy(Str in, ProxyInfo& out, size_t& used, size_t limit = 4096);
// Whether a header that parse_proxy took, of `used` bytes, has no checksum (kTlvCrc32c) or the right one.
bool proxy_sum_fits(Str header, const ProxyInfo& info);

enum ProxyTlv : uint8_t {
  kTlvAlpn = 0x01,
  kTlvAuthority = 0x02,
  kTlvCrc32c = 0x03,
  kTlvNoop = 0x04,
  kTlvUniqueId = 0x05,
  kTlvSsl = 0x20,
  kTlvSslVersion = 0x21,
  kTlvSslCn = 0x22,
  kTlvSslCipher = 0x23,
  kTlvSslSigAlg = 0x24,
  kTlvSslKeyAlg = 0x25,
  kTlvNetns = 0x30,
};

// A type as written in a configuration: 0 to 255, in decimal or with 0x in hexadecimal.
std::optional<uint8_t> parse_tlv_type(Str text);
// The value of the first TLV of that type.
bool find_tlv(Str tlvs, uint8_t type, Str& value);
// kTlvSsl holds the client's flags, the result of verification, and TLVs of its own.
struct ProxySsl {
  uint8_t client = 0;
  uint32_t verify = 0;
  Str tlvs;
};
bool parse_tlv_ssl(Str value, ProxySsl& out);

// Headers for a server. Addresses that are not IP, or of two families that version 1 cannot mix, give "UNKNOWN" or an
// unspecified family.
std::string write_proxy_v1(const Addr& src, const Addr& dst);
// `tlvs` as made by append_tlv.
std::string write_proxy_v2(const Addr& src, const Addr& dst, Str tlvs = {});
std::string write_proxy_v2_local();
void append_tlv(std::string& out, uint8_t type, Str value);

}  // namespace weir::net
