// The user of Authorization: Basic, for $remote_user and auth_basic.
#include <openssl/evp.h>

#include "nginx/modules.h"
#include "proxy/transaction.h"

namespace weir::nginx {

bool basic_user(const proxy::Transaction& txn, Str& user) {
  Str value = txn.request.headers.value(http::Name::authorization);
  if (!istarts_with(value, "basic ")) return false;
  value = trim(value.substr(6));
  Arena& arena = const_cast<proxy::Transaction&>(txn).arena;
  auto* out = reinterpret_cast<unsigned char*>(arena.alloc_chars(value.size() + 4));
  int n = EVP_DecodeBlock(out, reinterpret_cast<const unsigned char*>(value.data()), static_cast<int>(value.size()));
  if (n < 0) return false;
  Str decoded{reinterpret_cast<const char*>(out), static_cast<size_t>(n)};
  size_t colon = decoded.find(':');
  if (colon == Str::npos) return false;
  user = decoded.substr(0, colon);
  return true;
}

}  // namespace weir::nginx
