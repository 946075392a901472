// See nginx/hash_key.h.
#include "nginx/hash_key.h"

#include <algorithm>

#include "net/conn.h"
#include "nginx/client_addr.h"
#include "nginx/personality.h"
#include "nginx/request.h"
#include "proxy/transaction.h"

namespace weir::nginx {
namespace {

bool is_own(const proxy::Transaction& txn) {
  return txn.personality == &personality();
}

// Lets the variables see a request of another personality as if it were one of nginx's.
Str foreign_key(proxy::Transaction& txn, const HashKey& key) {
  auto* request = txn.arena.make<Request>();
  Str target = txn.request.path;
  request->unparsed_uri = txn.request.target;
  request->uri = cut(target, '?');
  request->args = target;
  request->method_name = txn.request.method_text;
  Str host = txn.request.authority;
  char* name = txn.arena.alloc_chars(host.size());
  std::transform(host.begin(), host.end(), name, lower);
  request->host = {name, std::min(host.size(), host.rfind(':'))};
  void* extra = std::exchange(txn.extra, request);
  expr::Value* slots = std::exchange(txn.slots, txn.arena.array<expr::Value>(key.variables->slots() + 1));
  Str text = key.script->eval(txn);
  txn.extra = extra;
  txn.slots = slots;
  return text;
}

}  // namespace

Str hash_key(proxy::Transaction& txn, const void* conf) {
  auto& key = *static_cast<const HashKey*>(conf);
  if (is_own(txn)) return key.script->eval(txn);
  return key.simple && !txn.tcp ? foreign_key(txn, key) : Str{};
}

const net::Addr* hash_addr(const proxy::Transaction& txn) {
  if (is_own(txn)) return client_addr(txn);
  net::Conn* conn = txn.client ? txn.client->conn() : nullptr;
  return conn ? &conn->peer() : nullptr;
}

bool is_simple(const Script& script) {
  constexpr Str kNames[] = {"host",        "uri",          "request_uri",    "args",
                            "remote_addr", "query_string", "request_method", "binary_remote_addr"};
  constexpr Str kPrefixes[] = {"http_", "cookie_", "arg_"};
  return std::all_of(script.parts, script.parts + script.size, [&](const Script::Part& p) {
    if (!p.variable) return p.capture < 0;
    Str name = p.variable->name;
    return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames) ||
           std::any_of(std::begin(kPrefixes), std::end(kPrefixes),
                       [&](Str prefix) { return name.starts_with(prefix); });
  });
}

}  // namespace weir::nginx
