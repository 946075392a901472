#pragma once
// What fetches ask of those who own it: names of frontends and backends, captures, unique ids, users, session state. A
// personality fills this in once, before the first evaluation; what is null has the answer that stands behind it.
#include <cstdint>

#include "expr/fetch.h"
#include "expr/variables.h"
#include "sticky/table.h"

namespace weir::sticky {
struct StickTable;
}

namespace weir::model {
struct Pool;
struct Server;
}  // namespace weir::model

namespace weir::expr {

// An address with its port, for fetches and their hooks.
struct Endpoint {
  Value address;  // ipv4, ipv6, or absent for Unix sockets
  uint16_t port = 0;
};

// An entry of a stick table that is counted in.
struct Tracked {
  const sticky::StickTable* table = nullptr;
  sticky::Table::Place place;
};

// Settings of proxies that rules can change for one exchange.
enum class Limit : uint8_t { client, connect, queue, server, tarpit, tunnel, retries, front_tarpit };

struct Hooks {
  // The tables of variables. Null, or a null answer: variables of that scope cannot be set and are never there.
  VarTable* (*variables)(const Ctx& ctx, Scope scope) = nullptr;

  Str (*frontend_name)(const Ctx& ctx) = nullptr;          // the listener's name
  uint32_t (*frontend_id)(const Ctx& ctx) = nullptr;       // the listener's id
  Str (*default_backend)(const Ctx& ctx) = nullptr;        // absent
  uint32_t (*backend_id)(const Ctx& ctx) = nullptr;        // the pool's id
  uint32_t (*server_id)(const model::Server& server) = nullptr;  // its slot + 1
  // Current connections: of the frontend that serves this, of a frontend by name (-1: no such one), of all.
  int64_t (*frontend_connections)(const Ctx& ctx, Str name) = nullptr;  // absent
  // New ones per second: connections, or requests, of such a frontend (-1: no such one).
  int64_t (*frontend_rate)(const Ctx& ctx, Str name, bool requests) = nullptr;  // absent
  int64_t (*process_connections)() = nullptr;              // those of this shard
  int64_t (*listener_connections)(const Ctx& ctx) = nullptr;
  int64_t (*backend_limit)(const model::Pool& pool) =
      nullptr;  // queue room of all servers, for connslots; -1: no limit

  Str (*unique_id)(const Ctx& ctx) = nullptr;              // absent
  // Header captures by slot; false: nothing was captured.
  bool (*capture)(const Ctx& ctx, bool response, uint32_t slot, Str& out) = nullptr;
  bool (*set_capture)(const Ctx& ctx, bool response, uint32_t slot, Str value) = nullptr;
  uint32_t (*capture_count)(const Ctx& ctx, bool response) = nullptr;
  // `capture cookie`: NAME=VALUE as logged; false: nothing was captured.
  bool (*captured_cookie)(const Ctx& ctx, bool response, Str& out) = nullptr;
  // The entry that a stick counter tracks; false: none.
  bool (*tracked)(const Ctx& ctx, int64_t counter, Tracked& out) = nullptr;
  // Persistence by cookie as logs show it, a letter for the request and one for the response; false: there is none.
  bool (*cookie_states)(const Ctx& ctx, char (&out)[2]) = nullptr;

  int64_t (*handshake_ms)(const Ctx& ctx) = nullptr;       // PROXY header and TLS with the client: 0
  bool (*first_request)(const Ctx& ctx) = nullptr;         // true
  uint32_t (*retries)(const Ctx& ctx) = nullptr;           // attempts - 1
  // What is configured, or with `current` what is in force; timeouts in milliseconds, 0 for none. False: there is no proxy.
  bool (*limit)(const Ctx& ctx, Limit which, bool current, int64_t& out) = nullptr;
  // Where the last rule stands that ended its ruleset; false: none did.
  bool (*last_rule)(const Ctx& ctx, Str& file, uint32_t& line) = nullptr;
  bool (*redispatched)(const Ctx& ctx) = nullptr;  // the last two attempts went to different servers
  bool (*server_reused)(const Ctx& ctx) = nullptr;  // false
  bool (*received_proxy)(const Ctx& ctx) = nullptr;  // false
  Str (*proxy_tlvs)(const Ctx& ctx) = nullptr;  // the TLVs of the client's PROXY header, as received: none
  int (*handshake_error)(const Ctx& ctx) = nullptr;  // OpenSSL's code of a failed handshake: 0
  int (*connection_error)(const Ctx& ctx, bool server) = nullptr;  // HAProxy's code (fc_err): 0
  bool (*stopping)() = nullptr;  // the shard drains
  // Bytes seen before they are parsed (tcp-request content); empty: what collect_body has.
  Str (*inspect)(const Ctx& ctx, bool response) = nullptr;
  // Addresses by rule (http-request set-src …); null or false: the connection's own.
  bool (*source)(const Ctx& ctx, Endpoint& out) = nullptr;
  bool (*destination)(const Ctx& ctx, Endpoint& out) = nullptr;
  bool (*wire_destination)(const Ctx& ctx, Endpoint& out) = nullptr;  // by a rule about the connection itself

  // `debug` converter: one line for the ring of that name.
  void (*debug)(Str ring, Str line) = nullptr;  // nobody reads it

  // http_auth: whether the user of `list` has that password; its groups by name, comma-separated, for http_auth_group.
  bool (*authenticate)(const Ctx& ctx, Str list, Str user, Str password, Str* groups) = nullptr;  // false
};

extern Hooks hooks;

}  // namespace weir::expr
