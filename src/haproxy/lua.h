#pragma once
// Lua under HAProxy's words: files that register actions, fetches and converters, and what runs these. Used while a
// configuration is bound (haproxy/lua_words.cc, haproxy/sample.cc) and by the steps and definitions that are made then.
#include <span>

#include "config/tree.h"
#include "expr/fetch.h"
#include "haproxy/proxy.h"
#include "lua/call.h"
#include "proxy/step.h"

namespace weir::haproxy {

struct Scope;
struct LuaFile;

// Runs the file, so that what it registers is known. False: reported. Not under --offline, where nothing is run.
bool load_lua_file(Scope& scope, const LuaFile& file);
void prepend_lua_path(Scope& scope, Str pattern, bool c_modules);
bool has_lua_action(Scope& scope, Str name, Ruleset set);
bool has_lua_service(Scope& scope, Str name);
std::vector<std::string> lua_action_names(Scope& scope, Ruleset set);
// A step that runs the action; `condition` may be null. False when the arguments do not fit: reported.
bool make_lua_step(Scope& scope, Str name, std::span<const config::Word> args, Ruleset set, const Condition* condition,
                   config::Where where, proxy::Step& out);
// Makes the states of the shards; when everything was bound.
void prepare_lua(Scope& scope);

// Fetches and converters `lua.NAME` of the files loaded so far by the configuration that this thread binds. Null: not
// registered.
const expr::FetchDef* find_lua_fetch(Str name);
const expr::ConvertDef* find_lua_converter(Str name);
// Where they are registered.
void use_lua_program(lua::Program& program);
// A configuration is bound from here on; with `offline` every name may be registered, because nothing is run.
void begin_lua(Arena& arena, bool offline);

// The numbers are known to lua/haproxy.lua.
enum class LuaPlace : uint8_t { none, request, response, fetch, converter };

// A reply that a script made (txn:done).
struct LuaReply {
  bool made = false;
  uint16_t status = 200;
  Str reason;
  Str body;
  ArenaList<http::Header> headers;
};
LuaReply& lua_reply(lua::Call& call);

// One line to the logs of the transaction's proxy, or to the global ones; to standard error where there are none.
void lua_log(proxy::Transaction* txn, int level, Str text);
// The shard's state; null when there is none, which was logged.
lua::State* lua_state(proxy::Transaction& txn);
// "Lua function 'NAME': …" for a call that failed.
void log_lua_failure(proxy::Transaction& txn, Str kind, Str name, const lua::Call& call);

}  // namespace weir::haproxy
