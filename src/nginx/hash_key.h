#pragma once
// The key of `hash`, and the client's address for `ip_hash`, also of requests that came in under another personality and
// have none of nginx's state: those see what variables of the request line, the headers and the client say.
#include "nginx/module.h"

namespace weir::nginx {

struct HashKey {
  const Script* script = nullptr;
  const Variables* variables = nullptr;
  bool simple = false;  // made of such variables only
};

// `conf` is a HashKey.
Str hash_key(proxy::Transaction& txn, const void* conf);
// Null when there is nobody.
const net::Addr* hash_addr(const proxy::Transaction& txn);
// Whether a request without nginx's state has every variable of the text.
bool is_simple(const Script& script);

}  // namespace weir::nginx
