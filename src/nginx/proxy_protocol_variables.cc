// $proxy_protocol_addr and its like: what the PROXY header of the connection said.
#include <fmt/format.h>

#include "http/h1_server.h"
#include "net/proxy_protocol.h"
#include "nginx/modules.h"
#include "proxy/transaction.h"

namespace weir::nginx {
namespace {

using expr::Arg;
using expr::Ctx;

const net::ProxyInfo* info(const Ctx& ctx, bool addresses) {
  if (!ctx.client) return nullptr;
  const net::ProxyInfo* p = static_cast<http::H1Server*>(ctx.client)->proxied();
  return p && (p->has_addresses || !addresses) ? p : nullptr;
}

bool addr(const Ctx& ctx, const net::Addr& a, Value& out) {
  out = Value::of(a.ip_text(*ctx.arena));
  return true;
}

bool port(const Ctx& ctx, const net::Addr& a, Value& out) {
  out = Value::of(ctx.arena->dup(fmt::format_int(a.port).c_str()));
  return true;
}

bool fetch_addr(const Ctx& ctx, const Arg*, Value& out) {
  const net::ProxyInfo* p = info(ctx, true);
  return p && addr(ctx, p->src, out);
}
bool fetch_port(const Ctx& ctx, const Arg*, Value& out) {
  const net::ProxyInfo* p = info(ctx, true);
  return p && port(ctx, p->src, out);
}
bool fetch_server_addr(const Ctx& ctx, const Arg*, Value& out) {
  const net::ProxyInfo* p = info(ctx, true);
  return p && addr(ctx, p->dst, out);
}
bool fetch_server_port(const Ctx& ctx, const Arg*, Value& out) {
  const net::ProxyInfo* p = info(ctx, true);
  return p && port(ctx, p->dst, out);
}

struct TlvName {
  Str name;
  uint8_t type;
};
constexpr TlvName kNames[] = {{"alpn", net::kTlvAlpn},
                              {"authority", net::kTlvAuthority},
                              {"unique_id", net::kTlvUniqueId},
                              {"ssl", net::kTlvSsl},
                              {"netns", net::kTlvNetns}};
constexpr TlvName kSslNames[] = {{"version", net::kTlvSslVersion},
                                 {"cn", net::kTlvSslCn},
                                 {"cipher", net::kTlvSslCipher},
                                 {"sig_alg", net::kTlvSslSigAlg},
                                 {"key_alg", net::kTlvSslKeyAlg}};

bool hex_type(Str name, uint8_t& type) {
  if (!name.starts_with("0x") || name.size() < 3) return false;
  unsigned n = 0;
  for (char c : name.substr(2)) {
    c = lower(c);
    if (!is_digit(c) && (c < 'a' || c > 'f')) return false;
    n = n * 16 + static_cast<unsigned>(is_digit(c) ? c - '0' : c - 'a' + 10);
    if (n > 255) return false;
  }
  type = static_cast<uint8_t>(n);
  return true;
}

template <size_t N>
bool named_type(const TlvName (&names)[N], Str name, uint8_t& type) {
  for (const TlvName& n : names)
    if (n.name == name) {
      type = n.type;
      return true;
    }
  return hex_type(name, type);
}

bool ssl_part(const Ctx& ctx, Str tlvs, Str name, Value& out) {
  Str value;
  net::ProxySsl ssl;
  uint8_t type = 0;
  if (!net::find_tlv(tlvs, net::kTlvSsl, value) || !net::parse_tlv_ssl(value, ssl)) return false;
  if (name == "verify") {
    out = Value::of(ctx.arena->dup(fmt::format_int(ssl.verify).c_str()));
    return true;
  }
  if (!named_type(kSslNames, name, type) || !net::find_tlv(ssl.tlvs, type, value)) return false;
  out = Value::of(value);
  return true;
}

// alpn, authority, unique_id, ssl, netns, ssl_version …, ssl_verify, 0x05, ssl_0x21.
bool fetch_tlv(const Ctx& ctx, const Arg* args, Value& out) {
  const net::ProxyInfo* p = info(ctx, false);
  if (!p) return false;
  Str name = args[0].str;
  if (name.starts_with("ssl_")) return ssl_part(ctx, p->tlvs, name.substr(4), out);
  uint8_t type = 0;
  Str value;
  if (!named_type(kNames, name, type) || !net::find_tlv(p->tlvs, type, value)) return false;
  out = Value::of(value);
  return true;
}

const VariableDef kVariables[] = {
    {"proxy_protocol_addr", fetch_addr},
    {"proxy_protocol_port", fetch_port},
    {"proxy_protocol_server_addr", fetch_server_addr},
    {"proxy_protocol_server_port", fetch_server_port},
    {"proxy_protocol_tlv_", fetch_tlv},
};

}  // namespace

const std::span<const VariableDef> kProxyProtocolVariables{kVariables};

}  // namespace weir::nginx
