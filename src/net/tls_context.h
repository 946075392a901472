#pragma once
// OpenSSL contexts out of configured settings. Made at configuration time, before privileges drop; used by all shards.
#include <string>
#include <utility>
#include <vector>

#include "base/str.h"

struct ssl_ctx_st;
struct ssl_st;

namespace weir::net {

enum TlsProtocol : uint32_t { kTls10 = 1, kTls11 = 2, kTls12 = 4, kTls13 = 8 };
// The bit of "TLSv1.2" and its like, 0 when unknown.
uint32_t tls_protocol_bit(Str name);

struct TlsServerOptions {
  uint32_t protocols = kTls12 | kTls13;
  std::string ciphers;       // TLS 1.2 and older, OpenSSL's notation; empty: OpenSSL's default
  std::string ciphersuites;  // TLS 1.3
  std::string curves;        // "auto" or empty: OpenSSL's default
  bool prefer_server_ciphers = false;
  bool tickets = true;
  bool reject = false;       // no certificate is needed: every handshake ends with an alert
  std::vector<std::pair<std::string, std::string>> pairs;  // certificate file, key file
};

// Null with the reason in `problem`.
ssl_ctx_st* make_tls_server(const TlsServerOptions& options, std::string& problem);

struct TlsClientOptions {
  bool verify = false;
  std::string ca_file;       // with verify; "@system-ca" for the system's
  std::string certificate, key;
  std::string ciphers;
  uint32_t protocols = kTls12 | kTls13;
};
ssl_ctx_st* make_tls_client(const TlsClientOptions& options, std::string& problem);

void free_tls(ssl_ctx_st* context);
// In a servername callback: goes on with another context, its options and verification included.
void switch_tls_context(ssl_st* ssl, ssl_ctx_st* context);

}  // namespace weir::net
