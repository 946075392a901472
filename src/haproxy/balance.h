#pragma once
// `balance` and the words around it, as read; and the balancer that they make. What hashes are made of lies in
// balance_key.cc.
#include <cstdint>
#include <memory>

#include "balance/methods.h"
#include "base/str.h"

namespace weir::expr {
struct Expr;
}

namespace weir::haproxy {

struct LuaHook;
struct Proxy;
struct Scope;

enum class Algorithm : uint8_t {
  unset,
  roundrobin,
  static_rr,
  leastconn,
  first,
  source,
  uri,
  url_param,
  hdr,
  random,
  rdp_cookie,
  hash,
  sticky,
  wrr,
  maglev,
  peak_ewma,
  log_hash,
  lua,
};
enum class HashFunction : uint8_t { sdbm, djb2, wt6, crc32, none };

struct Balance {
  Algorithm algorithm = Algorithm::unset;
  Str name;  // of the header or parameter
  const expr::Expr* expr = nullptr;  // hash, source, rdp-cookie, maglev, log-hash
  const LuaHook* hook = nullptr;  // lua
  bool whole = false;  // uri: with the query
  bool path_only = false;
  uint32_t length = 0;  // uri: at most so many bytes; 0: all
  uint32_t depth = 0;  // uri: up to so many directories; 0: all
  bool domain_only = false;  // hdr
  bool check_post = false;  // url_param
  uint32_t draws = 2;  // random
  uint32_t table = 65537;  // maglev
};

struct HashRules {
  bool consistent = false;
  HashFunction function = HashFunction::sdbm;
  bool avalanche = false;
  uint32_t balance_factor = 0;
  bool leaves_full = false;  // hash-preserve-affinity maxconn
  bool leaves_full_queue = false;  // and maxqueue
};

// Whether it looks at HTTP requests; in `mode tcp` it gives way to round robin.
bool needs_http(const Balance& balance);
// Of a proxy whose pool has its servers. `weir_face`: equals are ordered as weir does.
std::unique_ptr<model::Balancer> make_balancer(const Proxy& proxy, const model::Pool& pool, bool weir_face);

// The hash of a request for a proxy's algorithm; `conf` is the Proxy.
bool hash_of_request(proxy::Transaction& txn, const void* conf, uint32_t& out);
// The text that maglev hashes.
Str key_of_request(proxy::Transaction& txn, const void* conf);

// --- parts of it, for tests ---

uint32_t hash_of(const HashRules& rules, Str key);
// What `balance uri` hashes of a request target.
Str uri_key(const Balance& balance, Str uri);
// A parameter behind the '?' of a target. False: it is not there.
bool query_key(Str target, Str name, Str& out);
// A parameter of a form; false also when the bytes are no form.
bool form_key(Str body, Str name, Str& out);
// The part between the last two dots, without the top level: "1wt" of "haproxy.1wt.eu".
Str domain_key(Str host);

}  // namespace weir::haproxy
