#pragma once
// What a client's hello says that OpenSSL forgets: kept with the session where it was asked for (tune.ssl.capture-buffer-size), for
// fingerprints. Lists are as they came, without their lengths (RFC 8446 4.1.2).
#include <cstddef>
#include <cstdint>
#include <string>

struct ssl_st;

namespace weir::net {

struct TlsHello {
  uint32_t version = 0;  // the legacy one
  std::string ciphers;  // two bytes each, as the next three
  std::string extensions;  // their numbers, in order
  std::string groups;
  std::string sigalgs;
  std::string versions;
  std::string point_formats;  // a byte each
};

// In a client hello callback: keeps up to `most` bytes of it with the session, whole lists in the order above.
void keep_tls_hello(ssl_st* ssl, size_t most);
// Null: none was kept.
const TlsHello* kept_tls_hello(const ssl_st* ssl);

}  // namespace weir::net
