#pragma once
// Lua under OpenResty's names: what the directives of nginx/lua.cc configure, what nginx/lua_run.cc runs in the phases, and
// what the functions of nginx/lua_api.cc note for it.
#include "lua/call.h"
#include "nginx/module.h"
#include "nginx/request.h"

namespace weir::nginx {

// The numbers are known to lua/ngx.lua.
enum class LuaPhase : uint8_t { none, set, rewrite, access, content, header_filter, log };

struct LuaHandler {
  Str directive;  // "access_by_lua*", for messages
  uint32_t function = 0;  // in the program
  const Script* path = nullptr;  // of a file whose name has variables
  bool file = false;
};

struct LuaConf {
  Setting<const LuaHandler*> rewrite;
  Setting<const LuaHandler*> access;
  Setting<const LuaHandler*> content;
  Setting<const LuaHandler*> header_filter;
  Setting<const LuaHandler*> log;
};
extern const Module kLuaModule;

// What a handler wants to be answered, or where it wants to go on. In the transaction's arena.
struct LuaAnswer {
  ArenaList<Str> pieces;  // what it said
  size_t size = 0;
  bool started = false;  // it said something, be it nothing
  uint16_t status = 0;  // ngx.status; 0: not set
  Str content_type;
  Str redirect;  // where to; `exited` has the status
  Str uri;  // ngx.exec
  Str args;
  bool jump = false;  // ngx.req.set_uri(…, true)
};
LuaAnswer& lua_answer(lua::Call& call);

// Statuses of ngx.exit that are none of HTTP.
enum LuaExit : int { kLuaOk = 0, kLuaError = -1, kLuaDeclined = -5 };

// For compile.
proxy::Next run_lua_rewrite(proxy::Transaction& txn, proxy::Cursor& cursor, const void*);
Access check_lua_access(proxy::Transaction& txn, proxy::Cursor& cursor, const void*, uint16_t& status);
proxy::Next run_lua_content(proxy::Transaction& txn, proxy::Cursor& cursor, const void* handler);
proxy::Next run_lua_header_filter(proxy::Transaction& txn, proxy::Cursor& cursor, const void* handler);
void run_lua_log(proxy::Transaction& txn, const void* handler);
// The value that a set_by_lua handler gives. False: it failed, and the request was answered.
bool run_lua_set(proxy::Transaction& txn, const LuaHandler& handler, Str& value);

}  // namespace weir::nginx
