// What HAProxy's hashing algorithms hash (configuration.txt, balance), bit for bit, and which balancer serves them.
#include "expr/fetch_helpers.h"
#include "expr/hash.h"
#include "haproxy/balance.h"
#include "haproxy/exchange.h"
#include "haproxy/lua_hooks.h"
#include "haproxy/proxy.h"
#include "http/chars.h"

namespace weir::haproxy {
namespace {

using expr::Value;

bool evaluate(proxy::Transaction& txn, const expr::Expr& e, expr::Type as, Value& out) {
  return e.eval(context_for(txn), out) && expr::cast(out, as, txn.arena);
}

// The words of the address are folded; the hash function does not matter.
bool source_hash(proxy::Transaction& txn, const Proxy& p, uint32_t& out) {
  Value v;
  if (!p.s.balance.expr->eval(context_for(txn), v)) return false;
  uint32_t hash = 0;
  auto fold = [&hash](const void* address, size_t size) {
    for (size_t i = 0; i < size; i += 4) {
      uint32_t word;
      memcpy(&word, static_cast<const char*>(address) + i, 4);
      hash ^= ntohl(word);
    }
  };
  if (v.type == expr::Type::ipv4)
    fold(&v.v4, sizeof v.v4);
  else if (v.type == expr::Type::ipv6)
    fold(&v.v6, sizeof v.v6);
  else
    return false;
  out = p.s.hash.avalanche ? expr::avalanche(hash) : hash;
  return true;
}

// The first value of the header's first line, up to a comma that is not quoted.
Str first_value(Str line) {
  bool quoted = false;
  size_t i = 0;
  for (; i < line.size() && (quoted || line[i] != ','); i++) {
    if (line[i] == '"') quoted = !quoted;
    if (quoted && line[i] == '\\') i++;
  }
  return trim(line.substr(0, i));
}

bool header_key(const http::Message& m, const Balance& b, Str& out) {
  const http::Header* h = m.headers.find(b.name);
  if (!h) return false;
  Str value = first_value(h->value);
  if (value.empty()) return false;
  out = b.domain_only ? domain_key(value) : value;
  return true;
}

bool key_text(proxy::Transaction& txn, const Proxy& p, Str& out) {
  const Balance& b = p.s.balance;
  Value v;
  switch (b.algorithm) {
    case Algorithm::uri:
      if (txn.tcp) return false;
      out = uri_key(b, b.path_only ? expr::path_with_query(txn.request) : txn.request.target);
      return true;
    case Algorithm::url_param: {
      if (txn.tcp) return false;
      if (query_key(txn.request.target, b.name, out)) return true;
      bool complete;
      return txn.request.method == http::Method::post &&
             form_key(expr::request_body(context_for(txn), complete), b.name, out);
    }
    case Algorithm::hdr: return !txn.tcp && header_key(txn.request, b, out);
    case Algorithm::rdp_cookie:
    case Algorithm::hash: {
      bool number = p.s.hash.function == HashFunction::none;
      if (!evaluate(txn, *b.expr, number ? expr::Type::string : expr::Type::binary, v)) return false;
      out = v.str;
      return b.algorithm == Algorithm::hash || !out.empty();
    }
    default: return false;
  }
}

}  // namespace

uint32_t hash_of(const HashRules& rules, Str key) {
  uint32_t hash = 0;
  switch (rules.function) {
    case HashFunction::sdbm: hash = expr::hash_sdbm(key); break;
    case HashFunction::djb2: hash = expr::hash_djb2(key); break;
    case HashFunction::wt6: hash = expr::hash_wt6(key); break;
    case HashFunction::crc32: hash = expr::hash_crc32(key); break;
    case HashFunction::none: hash = static_cast<uint32_t>(expr::read_int(key)); break;
  }
  return rules.avalanche ? expr::avalanche(hash) : hash;
}

Str uri_key(const Balance& b, Str uri) {
  if (b.length) uri = uri.substr(0, b.length);
  uint32_t slashes = 0;
  for (size_t i = 0; i < uri.size(); i++) {
    if (uri[i] == '/' && ++slashes == b.depth + 1 && b.depth) return uri.substr(0, i);
    if (uri[i] == '?' && !b.whole) return uri.substr(0, i);
  }
  return uri;
}

bool query_key(Str target, Str name, Str& out) {
  size_t mark = target.find('?');
  if (mark == Str::npos) return false;
  Str rest = target.substr(mark + 1);
  while (rest.size() > name.size()) {
    if (rest[name.size()] == '=' && rest.starts_with(name)) {
      rest.remove_prefix(name.size() + 1);
      out = rest.substr(0, rest.find('&'));
      return true;
    }
    size_t next = rest.find('&');
    if (next == Str::npos) return false;
    rest.remove_prefix(next + 1);
  }
  return false;
}

bool form_key(Str rest, Str name, Str& out) {
  auto is_token = [](char c) { return http::kCharClass[static_cast<uint8_t>(c)] & http::kToken; };
  while (rest.size() > name.size()) {
    if (rest[name.size()] == '=' && rest.starts_with(name)) {
      rest.remove_prefix(name.size() + 1);
      size_t end = 0;
      while (end < rest.size() && rest[end] != '&' && is_token(rest[end])) end++;
      bool ends = end == rest.size() || rest[end] == '&' || Str(" \t\r\n").find(rest[end]) != Str::npos;
      out = rest.substr(0, end);
      return ends;  // other bytes are no form's
    }
    size_t next = rest.find('&');
    if (next == Str::npos) return false;
    rest.remove_prefix(next + 1);
  }
  return false;
}

Str domain_key(Str host) {
  size_t end = host.rfind('.');
  if (end == Str::npos || end == 0) return host;
  // A dot right in front of the last one does not end the domain.
  size_t dot = host.substr(0, end - 1).rfind('.');
  size_t start = dot == Str::npos ? 0 : dot + 1;
  return host.substr(start, end - start);
}

bool hash_of_request(proxy::Transaction& txn, const void* conf, uint32_t& out) {
  auto& p = *static_cast<const Proxy*>(conf);
  if (p.s.balance.algorithm == Algorithm::source) return source_hash(txn, p, out);
  Str key;
  if (!key_text(txn, p, key)) return false;
  out = hash_of(p.s.hash, key);
  return true;
}

Str key_of_request(proxy::Transaction& txn, const void* conf) {
  auto& p = *static_cast<const Proxy*>(conf);
  Value v;
  return evaluate(txn, *p.s.balance.expr, expr::Type::binary, v) ? v.str : Str{};
}

std::unique_ptr<model::Balancer> make_balancer(const Proxy& p, const model::Pool& pool, bool weir_face) {
  using namespace model;
  const Balance& b = p.s.balance;
  const bool all = p.s.has(kOptAllBackups);
  const RingRules ring{all, p.s.hash.balance_factor, p.s.hash.leaves_full, p.s.hash.leaves_full_queue};
  auto hashed = [&](Str name) {
    KeyHash key{hash_of_request, &p};
    return p.s.hash.consistent ? make_ring_hash(pool, name, key, ring) : make_map_hash(pool, name, key, all);
  };
  auto make = [&]() -> Balancer* {
    switch (b.algorithm) {
      case Algorithm::roundrobin: return make_haproxy_round_robin(pool, all);
      case Algorithm::static_rr: return make_static_rr(pool, all);
      case Algorithm::leastconn: return make_leastconn(pool, {all, weir_face});
      case Algorithm::first: return make_first(pool, all);
      case Algorithm::source: return hashed("source");
      case Algorithm::uri: return hashed("uri");
      case Algorithm::url_param: return hashed("url_param");
      case Algorithm::hdr: return hashed("hdr");
      case Algorithm::rdp_cookie: return hashed("rdp-cookie");
      case Algorithm::hash: return hashed("hash");
      case Algorithm::sticky: return make_sticky(pool);
      case Algorithm::wrr: return make_wrr(pool, all);
      case Algorithm::maglev: return make_maglev(pool, {key_of_request, &p}, {b.table, all});
      case Algorithm::peak_ewma: return make_peak_ewma(pool, all);
      case Algorithm::log_hash:  // of log backends, whose messages take another way
      case Algorithm::lua:  // stands in for the script
      case Algorithm::unset:
      case Algorithm::random: break;
    }
    return make_draws(pool, b.draws, ring);
  };
  std::unique_ptr<Balancer> made(make());
  return b.hook ? make_lua_balancer(*b.hook, std::move(made), all) : std::move(made);
}

}  // namespace weir::haproxy
