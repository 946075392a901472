#pragma once
// What the PROXY header, version 2, tells a server besides addresses (configuration.txt 5.2, proxy-v2-options).
#include <string>

#include "haproxy/server_options.h"

namespace weir::proxy {
class Transaction;
}

namespace weir::haproxy {

enum ProxyField : uint16_t {
  kFieldUniqueId = 1 << 0,
  kFieldAuthority = 1 << 1,
  kFieldCrc32c = 1 << 2,
  kFieldSsl = 1 << 3,
  kFieldSslCn = 1 << 4,
  kFieldSslCipher = 1 << 5,
  kFieldSslSigAlg = 1 << 6,
  kFieldSslKeyAlg = 1 << 7,
};

// The bits of an option's name; 0: it is none.
uint16_t proxy_field(Str name);
// The fields for a server. A checksum is four zero bytes, for who makes the header to fill in.
std::string proxy_fields(proxy::Transaction& txn, const ServerOptions& options);

}  // namespace weir::haproxy
