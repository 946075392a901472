#pragma once
// What the fetches share: how they get at connections, messages and bodies. Internal to expr/fetch_*.cc and the log
// tags.
#include <cstdint>

#include "expr/fetch.h"
#include "expr/hooks.h"
#include "net/conn.h"
#include "proxy/transaction.h"

namespace weir::expr {

inline bool give(Value& out, Str s) {
  out = Value::of(s);
  return true;
}
inline bool give(Value& out, int64_t n) {
  out = Value::of(n);
  return true;
}
inline bool give_bool(Value& out, bool b) {
  out = Value::of_bool(b);
  return true;
}

// The client's connection, null when there is none (health checks, runtime socket).
net::Conn* client_conn(const Ctx& ctx);
// The connection to the server, null before there is one.
net::Conn* server_conn(const Ctx& ctx);
// Addresses as rules and proxies ahead left them (hooks), else the connection's. False for Unix sockets and without
// one.
bool client_source(const Ctx& ctx, Endpoint& out);
bool client_destination(const Ctx& ctx, Endpoint& out);
bool endpoint_of(const net::Addr& a, Endpoint& out);

// The HTTP request or response, null when there is none (yet). In TCP mode the request that the content begins with.
const http::Message* request_of(const Ctx& ctx);
const http::Message* response_of(const Ctx& ctx);
// In TCP mode: what came so far is the beginning of a request, or nothing.
bool may_become_request(const Ctx& ctx);
inline const http::Message* message_of(const Ctx& ctx, bool response) {
  return response ? response_of(ctx) : request_of(ctx);
}

// Bytes of the request body that are kept in memory; `complete`: there are no more.
Str request_body(const Ctx& ctx, bool& complete);
// The answer would change with more data: false, after telling who asked.
bool not_yet(const Ctx& ctx);

// The path with and without its query; empty for targets that have none (`*`, CONNECT).
Str path_with_query(const http::Message& m);
inline Str path_only(const http::Message& m) {
  Str p = path_with_query(m);
  return p.substr(0, p.find('?'));
}
// The start line as the client sent it, whatever rules have made of it since: what logs and captures show.
struct StartLine {
  Str method, target;
};
inline StartLine original_start(const http::Message& m) {
  Str line = m.raw_head.substr(0, m.raw_head.find_first_of("\r\n"));
  size_t first = line.find(' '), last = line.rfind(' ');
  if (first == Str::npos || last <= first) return {m.method_text, m.target};
  return {line.substr(0, first), line.substr(first + 1, last - first - 1)};
}
// "1.1", "2.0".
Str version_text(uint8_t version);

// Milliseconds by HAProxy's names (configuration.txt 8.4); -1: did not get there.
struct Timers {
  int64_t handshake, idle, request_all, request, queue, connect, response, data, active, total, user;
};
Timers timers_of(const Ctx& ctx);  // ctx.txn must be there

// The pool of an argument of letter b: the named one, or the current one.
const model::Pool* pool_argument(const Ctx& ctx, const Arg& arg);
// Up and not in maintenance or drain.
bool serving(const model::Server& server);
int64_t serving_count(const model::Pool& pool);

}  // namespace weir::expr
