// What scripts see of a request under weir's own words, whatever vocabulary it came in under: `req` of lua/weir.lua, which declares
// these functions.
#include "lua/api.h"
#include "net/conn.h"
#include "proxy/personality.h"
#include "sticky/cookies.h"

namespace weir::lua {
namespace {

// Which part of the request, by the numbers that lua/weir.lua has for them.
enum class Part : int { method, target, path, query, host, client };

http::Message* request() {
  return current ? &current->txn->request : nullptr;
}

Str client(proxy::Transaction& txn) {
  net::Conn* conn = txn.client ? txn.client->conn() : nullptr;
  net::Addr source, destination;
  if (conn) source = conn->peer();
  if (txn.personality) txn.personality->proxy_addresses(txn, source, destination);
  return source.is_ip() ? source.ip_text(txn.arena) : source.unix_path();
}

Str part_of(proxy::Transaction& txn, Part part) {
  const http::Message& m = txn.request;
  Str query = m.path;
  Str path = cut(query, '?');
  switch (part) {
    case Part::method: return m.method_text;
    case Part::target: return m.target;
    case Part::path: return path;
    case Part::query: return query;
    case Part::host: return m.authority;
    case Part::client: return client(txn);
  }
  return {};
}

}  // namespace
}  // namespace weir::lua

using namespace weir;

extern "C" {

int weir_lua_request(int part, weir_lua_str* out) {
  if (!lua::current) return 0;
  return lua::give(out, lua::part_of(*lua::current->txn, static_cast<lua::Part>(part)));
}

// The first line of that name. 0: there is none.
int weir_lua_request_header(const char* name, size_t n, weir_lua_str* out) {
  const http::Message* m = lua::request();
  const http::Header* h = m ? m->headers.find(Str{name, n}) : nullptr;
  return h ? lua::give(out, h->value) : 0;
}

int weir_lua_request_cookie(const char* name, size_t n, weir_lua_str* out) {
  const http::Message* m = lua::request();
  if (!m) return 0;
  for (const http::Header* h = m->headers.find(http::Name::cookie); h; h = m->headers.find(http::Name::cookie, h)) {
    sticky::Cookies cookies(h->value);
    for (sticky::Cookie c; cookies.next(c);)
      if (c.pair && c.name == Str{name, n}) return lua::give(out, c.value);
  }
  return 0;
}

// An argument of the query, as it stands there.
int weir_lua_request_argument(const char* name, size_t n, weir_lua_str* out) {
  if (!lua::current) return 0;
  for (Str rest = lua::part_of(*lua::current->txn, lua::Part::query); !rest.empty();) {
    Str value = cut(rest, '&');
    if (cut(value, '=') == Str{name, n}) return lua::give(out, value);
  }
  return 0;
}
}
