// See haproxy/request_line.h.
#include "haproxy/request_line.h"

#include "http/chars.h"

namespace weir::haproxy {
namespace {

Str encoded(Arena& arena, Str target) {
  size_t bad = 0;
  for (char c : target)
    if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7f) bad++;
  if (!bad) return target;
  char* out = arena.alloc_chars(target.size() + 2 * bad);
  char* at = out;
  constexpr Str kHex = "0123456789ABCDEF";
  for (char c : target) {
    auto b = static_cast<unsigned char>(c);
    if (b <= 0x20 || b == 0x7f) {
      *at++ = '%';
      *at++ = kHex[b >> 4];
      *at++ = kHex[b & 15];
    } else {
      *at++ = c;
    }
  }
  return {out, static_cast<size_t>(at - out)};
}

// Where the path begins in the target; 0 for targets that are nothing but a path, or have none.
size_t path_offset(Str target) {
  if (target.starts_with('/') || target == "*") return 0;
  size_t scheme = target.find("://");
  if (scheme == Str::npos) return 0;
  size_t slash = target.find_first_of("/?#", scheme + 3);
  return slash == Str::npos ? target.size() : slash;
}

void set_start(proxy::Transaction& txn, Str target) {
  http::Message& m = txn.request;
  m.target = encoded(txn.arena, target);
  size_t at = path_offset(m.target);
  m.scheme = m.target.substr(0, at ? m.target.find("://") : 0);
  m.path = at && at == m.target.size() ? Str("/") : m.target.substr(at);
}

// What the target names as the host, without a user; empty where it is a path.
Str authority_of(const http::Message& m) {
  size_t end = path_offset(m.target);
  bool all = !end && m.method == http::Method::connect && !m.target.starts_with('/');
  Str text = m.target.substr(0, all ? Str::npos : end);
  if (end) text.remove_prefix(m.scheme.size() + 3);
  size_t user = text.rfind('@');
  return user == Str::npos ? text : text.substr(user + 1);
}

}  // namespace

void set_target(proxy::Transaction& txn, Str text) {
  set_start(txn, text);
  http::Message& m = txn.request;
  Str authority = authority_of(m);
  if (authority.empty()) return;
  m.authority = authority;
  if (http::Header* host = m.headers.find(http::Name::host)) host->value = authority;
}

void set_path(proxy::Transaction& txn, Str path, bool with_query) {
  Str target = txn.request.target;
  size_t at = path_offset(target);
  size_t query = with_query ? Str::npos : target.find('?', at);
  set_start(txn, txn.arena.cat(target.substr(0, at), path, query == Str::npos ? Str{} : target.substr(query)));
}

void set_query(proxy::Transaction& txn, Str query) {
  Str target = txn.request.target;
  if (query.starts_with('?')) query.remove_prefix(1);
  Str base = target.substr(0, target.find('?'));
  // An empty query keeps a '?' that was there, as the product has it.
  bool mark = !query.empty() || base.size() < target.size();
  set_start(txn, txn.arena.cat(base, mark ? Str("?") : Str{}, query));
}

void set_method(proxy::Transaction& txn, Str token) {
  if (token.empty() || !http::all_are(token, http::kToken)) return;
  txn.request.method_text = token;
  txn.request.method = http::method_id(token);
}

}  // namespace weir::haproxy
