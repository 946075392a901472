// See haproxy/proxy_fields.h.
#include "haproxy/proxy_fields.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <string.h>

#include <algorithm>
#include <iterator>

#include "haproxy/exchange.h"
#include "haproxy/unique_id.h"
#include "http/h1_server.h"
#include "net/proxy_protocol.h"

namespace weir::haproxy {
namespace {

constexpr uint8_t kClientSsl = 0x01;
constexpr uint8_t kClientCertConn = 0x02;
constexpr uint8_t kClientCertSession = 0x04;

// "RSA2048", "EC256".
std::string key_algorithm(X509* certificate) {
  EVP_PKEY* key = certificate ? X509_get0_pubkey(certificate) : nullptr;
  if (!key) return {};
  int id = EVP_PKEY_get_base_id(key);
  Str name = id == EVP_PKEY_RSA ? "RSA" : id == EVP_PKEY_EC ? "EC" : id == EVP_PKEY_DSA ? "DSA" : "";
  return name.empty() ? std::string() : fmt::format("{}{}", name, EVP_PKEY_get_bits(key));
}

std::string common_name(X509* certificate) {
  char text[256];
  int size = X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, text, sizeof text);
  return size > 0 ? std::string(text, static_cast<size_t>(size)) : std::string();
}

void append_present(std::string& out, uint8_t type, Str value) {
  if (!value.empty()) net::append_tlv(out, type, value);
}

// One byte of flags, the result of verification, and fields of its own; all zero without TLS.
std::string tls_field(SSL* ssl, uint16_t wanted) {
  uint8_t flags = 0;
  uint32_t verify = 0;
  std::string fields;
  if (ssl) {
    flags = kClientSsl;
    net::append_tlv(fields, net::kTlvSslVersion, SSL_get_version(ssl));
    if (X509* peer = SSL_get1_peer_certificate(ssl)) {
      flags |= kClientCertSession | (SSL_session_reused(ssl) ? 0 : kClientCertConn);
      verify = htonl(static_cast<uint32_t>(SSL_get_verify_result(ssl)));
      if (wanted & kFieldSslCn) append_present(fields, net::kTlvSslCn, common_name(peer));
      X509_free(peer);
    }
    X509* own = SSL_get_certificate(ssl);
    if (wanted & kFieldSslKeyAlg) append_present(fields, net::kTlvSslKeyAlg, key_algorithm(own));
    if ((wanted & kFieldSslSigAlg) && own)
      append_present(fields, net::kTlvSslSigAlg, OBJ_nid2sn(X509_get_signature_nid(own)));
    if (wanted & kFieldSslCipher) append_present(fields, net::kTlvSslCipher, SSL_get_cipher_name(ssl));
  }
  std::string out(1, static_cast<char>(flags));
  out.append(reinterpret_cast<const char*>(&verify), sizeof verify);
  return out + fields;
}

// What the client asked for by name: as a proxy in front of us says, or by SNI.
Str authority(const http::H1Server& client) {
  Str value;
  if (client.proxied() && net::find_tlv(client.proxied()->tlvs, net::kTlvAuthority, value)) return value;
  const char* name = client.ssl() ? SSL_get_servername(client.ssl(), TLSEXT_NAMETYPE_host_name) : nullptr;
  return name ? Str(name) : Str{};
}

}  // namespace

uint16_t proxy_field(Str name) {
  constexpr std::pair<Str, uint16_t> kNames[] = {
      {"unique-id", kFieldUniqueId},
      {"authority", kFieldAuthority},
      {"crc32c", kFieldCrc32c},
      {"ssl", kFieldSsl},
      {"cert-cn", kFieldSsl | kFieldSslCn},
      {"ssl-cipher", kFieldSsl | kFieldSslCipher},
      {"cert-sig", kFieldSsl | kFieldSslSigAlg},
      {"cert-key", kFieldSsl | kFieldSslKeyAlg},
  };
  auto* found = std::find_if(std::begin(kNames), std::end(kNames), [&](const auto& n) { return n.first == name; });
  return found == std::end(kNames) ? 0 : found->second;
}

std::string proxy_fields(proxy::Transaction& txn, const ServerOptions& options) {
  std::string out;
  for (const ProxyTlv& tlv : options.proxy_tlvs)
    net::append_tlv(out, tlv.type, tlv.value ? render(*tlv.value, context_for(txn)) : Str{});
  const uint16_t wanted = options.proxy_fields;
  const auto* client = txn.client ? static_cast<const http::H1Server*>(txn.client->conn()) : nullptr;
  SSL* ssl = client ? client->ssl() : nullptr;
  if (wanted & kFieldCrc32c) net::append_tlv(out, net::kTlvCrc32c, Str("\0\0\0\0", 4));
  const unsigned char* alpn = nullptr;
  unsigned size = 0;
  if (ssl) SSL_get0_alpn_selected(ssl, &alpn, &size);
  append_present(out, net::kTlvAlpn, {reinterpret_cast<const char*>(alpn), size});
  if ((wanted & kFieldAuthority) && client) append_present(out, net::kTlvAuthority, authority(*client));
  if (wanted & kFieldUniqueId) append_present(out, net::kTlvUniqueId, unique_id(txn));
  if (wanted & kFieldSsl) net::append_tlv(out, net::kTlvSsl, tls_field(ssl, wanted));
  return out;
}

}  // namespace weir::haproxy
