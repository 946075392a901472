// See net/tls_context.h.
#include "net/tls_context.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>

namespace weir::net {
namespace {

// The reason of the last failure: the system's where it has one ("No such file or directory"), else OpenSSL's.
std::string openssl_error() {
  unsigned long last = 0;
  while (unsigned long e = ERR_get_error()) {
    last = e;
    if (!ERR_SYSTEM_ERROR(e)) continue;
    ERR_clear_error();
    return strerror(ERR_GET_REASON(e));
  }
  char text[256];
  ERR_error_string_n(last, text, sizeof text);
  return text;
}

void set_protocols(SSL_CTX* ctx, uint32_t bits) {
  static constexpr std::pair<uint32_t, int> kVersions[] = {
      {kTls10, TLS1_VERSION}, {kTls11, TLS1_1_VERSION}, {kTls12, TLS1_2_VERSION}, {kTls13, TLS1_3_VERSION}};
  static constexpr std::pair<uint32_t, uint64_t> kOff[] = {
      {kTls10, SSL_OP_NO_TLSv1}, {kTls11, SSL_OP_NO_TLSv1_1}, {kTls12, SSL_OP_NO_TLSv1_2}, {kTls13, SSL_OP_NO_TLSv1_3}};
  int low = 0, high = 0;
  for (auto [bit, version] : kVersions) {
    if (!(bits & bit)) continue;
    if (!low) low = version;
    high = version;
  }
  SSL_CTX_set_min_proto_version(ctx, low);
  SSL_CTX_set_max_proto_version(ctx, high);
  for (auto [bit, option] : kOff)
    if (!(bits & bit)) SSL_CTX_set_options(ctx, option);
}

void set_common(SSL_CTX* ctx) {
  SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_read_ahead(ctx, 1);
}

bool load_pair(SSL_CTX* ctx, const std::string& cert, const std::string& key, std::string& problem) {
  if (SSL_CTX_use_certificate_chain_file(ctx, cert.c_str()) != 1) {
    problem = fmt::format("cannot load certificate \"{}\": {}", cert, openssl_error());
    return false;
  }
  if (SSL_CTX_use_PrivateKey_file(ctx, key.c_str(), SSL_FILETYPE_PEM) != 1) {
    problem = fmt::format("cannot load certificate key \"{}\": {}", key, openssl_error());
    return false;
  }
  if (SSL_CTX_check_private_key(ctx) != 1) {
    problem = fmt::format("certificate \"{}\" and key \"{}\" do not belong together: {}", cert, key, openssl_error());
    return false;
  }
  return true;
}

bool set_ciphers(SSL_CTX* ctx, const std::string& ciphers, const std::string& suites, std::string& problem) {
  if (!ciphers.empty() && SSL_CTX_set_cipher_list(ctx, ciphers.c_str()) != 1) {
    problem = fmt::format("no usable cipher in \"{}\": {}", ciphers, openssl_error());
    return false;
  }
  if (!suites.empty() && SSL_CTX_set_ciphersuites(ctx, suites.c_str()) != 1) {
    problem = fmt::format("no usable cipher suite in \"{}\": {}", suites, openssl_error());
    return false;
  }
  return true;
}

}  // namespace

uint32_t tls_protocol_bit(Str name) {
  if (name == "TLSv1" || name == "TLSv1.0") return kTls10;
  if (name == "TLSv1.1") return kTls11;
  if (name == "TLSv1.2") return kTls12;
  if (name == "TLSv1.3") return kTls13;
  return 0;
}

ssl_ctx_st* make_tls_server(const TlsServerOptions& o, std::string& problem) {
  SSL_CTX* ctx = SSL_CTX_new(TLS_server_method());
  set_common(ctx);
  set_protocols(ctx, o.protocols);
  bool ok = set_ciphers(ctx, o.ciphers, o.ciphersuites, problem);
  for (const auto& [cert, key] : o.pairs) ok = ok && load_pair(ctx, cert, key, problem);
  if (ok && !o.curves.empty() && o.curves != "auto" && SSL_CTX_set1_curves_list(ctx, o.curves.c_str()) != 1) {
    problem = fmt::format("unknown curve in \"{}\": {}", o.curves, openssl_error());
    ok = false;
  }
  if (!ok) {
    SSL_CTX_free(ctx);
    return nullptr;
  }
  if (o.prefer_server_ciphers) SSL_CTX_set_options(ctx, SSL_OP_CIPHER_SERVER_PREFERENCE);
  if (!o.tickets) SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
  static constexpr unsigned char kIdContext[] = "weir";
  SSL_CTX_set_session_id_context(ctx, kIdContext, sizeof kIdContext - 1);
  return ctx;
}

ssl_ctx_st* make_tls_client(const TlsClientOptions& o, std::string& problem) {
  SSL_CTX* ctx = SSL_CTX_new(TLS_client_method());
  set_common(ctx);
  set_protocols(ctx, o.protocols);
  bool ok = set_ciphers(ctx, o.ciphers, {}, problem);
  if (ok && !o.certificate.empty()) ok = load_pair(ctx, o.certificate, o.key.empty() ? o.certificate : o.key, problem);
  if (ok && o.verify) {
    int r = o.ca_file == "@system-ca" || o.ca_file.empty()
                ? SSL_CTX_set_default_verify_paths(ctx)
                : SSL_CTX_load_verify_locations(ctx, o.ca_file.c_str(), nullptr);
    if (r != 1) {
      problem = fmt::format("cannot load CA file \"{}\": {}", o.ca_file, openssl_error());
      ok = false;
    }
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, nullptr);
  }
  if (!ok) {
    SSL_CTX_free(ctx);
    return nullptr;
  }
  return ctx;
}

void free_tls(ssl_ctx_st* context) {
  SSL_CTX_free(context);
}

void switch_tls_context(ssl_st* ssl, ssl_ctx_st* context) {
  SSL_set_SSL_CTX(ssl, context);
  SSL_set_verify(ssl, SSL_CTX_get_verify_mode(context), SSL_CTX_get_verify_callback(context));
  SSL_clear_options(ssl, SSL_get_options(ssl) & ~SSL_CTX_get_options(context));
  SSL_set_options(ssl, SSL_CTX_get_options(context));
}

}  // namespace weir::net
