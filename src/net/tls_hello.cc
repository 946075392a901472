// See net/tls_hello.h.
#include "net/tls_hello.h"

#include <openssl/ssl.h>

#include "base/str.h"

namespace weir::net {
namespace {

void forget(void*, void* hello, CRYPTO_EX_DATA*, int, long, void*) {
  delete static_cast<TlsHello*>(hello);
}

int index() {
  static const int made = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, forget);
  return made;
}

Str bytes(const unsigned char* p, size_t n) {
  return {reinterpret_cast<const char*>(p), n};
}

// An extension's list behind a length of that many bytes.
Str list(SSL* ssl, unsigned extension, size_t length_bytes) {
  const unsigned char* p = nullptr;
  size_t n = 0;
  if (!SSL_client_hello_get0_ext(ssl, extension, &p, &n) || n < length_bytes) return {};
  return bytes(p + length_bytes, n - length_bytes);
}

}  // namespace

void keep_tls_hello(ssl_st* ssl, size_t most) {
  auto* hello = new TlsHello;
  hello->version = SSL_client_hello_get0_legacy_version(ssl);
  auto keep = [&](std::string& to, Str text) {
    if (text.size() > most) return;
    most -= text.size();
    to = text;
  };
  const unsigned char* p = nullptr;
  const size_t n = SSL_client_hello_get0_ciphers(ssl, &p);
  keep(hello->ciphers, bytes(p, n));
  int* numbers = nullptr;
  size_t count = 0;
  std::string extensions;
  if (SSL_client_hello_get1_extensions_present(ssl, &numbers, &count))
    for (size_t i = 0; i < count; i++)
      extensions.append(1, static_cast<char>(numbers[i] >> 8)).append(1, static_cast<char>(numbers[i]));
  OPENSSL_free(numbers);
  keep(hello->extensions, extensions);
  keep(hello->groups, list(ssl, TLSEXT_TYPE_supported_groups, 2));
  keep(hello->sigalgs, list(ssl, TLSEXT_TYPE_signature_algorithms, 2));
  keep(hello->versions, list(ssl, TLSEXT_TYPE_supported_versions, 1));
  keep(hello->point_formats, list(ssl, TLSEXT_TYPE_ec_point_formats, 1));
  SSL_set_ex_data(ssl, index(), hello);
}

const TlsHello* kept_tls_hello(const ssl_st* ssl) {
  return static_cast<const TlsHello*>(SSL_get_ex_data(ssl, index()));
}

}  // namespace weir::net
