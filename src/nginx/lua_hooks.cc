// See nginx/lua_hooks.h.
#include "nginx/lua_hooks.h"

#include <fmt/format.h>

#include <deque>

#include "lua/call.h"
#include "lua/hook.h"
#include "nginx/define.h"
#include "nginx/error_log.h"
#include "nginx/lua.h"
#include "nginx/personality.h"

namespace weir::nginx {
namespace {

struct Wanted {
  LuaHook hook;
  Str kind;
  config::Where where;
};

struct LuaHooks {
  std::deque<Wanted> all;
};

LuaHooks& hooks(Scope& scope) {
  return scope.main<LuaHooks>(kLuaHooksModule);
}

void finish(Scope& scope) {
  for (Wanted& w : hooks(scope).all) {
    if (scope.options.offline) {
      scope.diag.note(w.where, fmt::format("the Lua function '{}' is not known", w.hook.name));
      continue;
    }
    lua::FoundHook found = lua::find_hook(scope.model, w.kind, w.hook.name);
    w.hook.function = found.function;
    if (found.found) continue;
    std::string remedy =
        "load the script that does: init_by_lua_file FILE in http, or lua-load FILE in a global section of weir.conf";
    if (!found.near.empty()) remedy = fmt::format("did you mean '{}'?", found.near);
    refuse(scope, w.where, fmt::format("no Lua script registered \"{}\" with weir.{}", w.hook.name, w.kind), remedy);
  }
}

// A request that came in under another vocabulary has nothing of nginx's, the log of its server included.
proxy::Transaction* own(proxy::Transaction& txn) {
  return txn.personality == &personality() ? &txn : nullptr;
}

void log_failure(proxy::Transaction& txn, const LuaHook& hook, Str why) {
  log_error(own(txn), LogLevel::error, 0,
            fmt::format("sticky lua \"{}\": {}; the server is chosen as without it", hook.name, why));
}

}  // namespace

const LuaHook& want_lua_hook(Scope& scope, Str kind, Str name, config::Where where) {
  return hooks(scope).all.emplace_back(Wanted{{name}, kind, where}).hook;
}

Str run_lua_key(proxy::Transaction& txn, const LuaHook& hook) {
  if (lua::current) return {};  // a state runs one thing at a time
  std::string problem;
  lua::State* state = lua::attach(txn.shard, problem);
  if (!problem.empty()) log_failure(txn, hook, problem);
  if (!state) return {};
  LuaPhase phase = own(txn) ? LuaPhase::set : LuaPhase::none;
  lua::Call call{*state, &txn, nullptr, static_cast<uint8_t>(phase)};
  if (!lua::run_now(call, hook.function, 1, [](lua_State*) { return 0; })) {
    log_failure(txn, hook, call.problem);
    return {};
  }
  size_t n = 0;
  const char* s = lua_tolstring(state->main(), -1, &n);
  Str key = s ? txn.arena.dup({s, n}) : Str{};
  lua_pop(state->main(), 1);
  return key;
}

const Module kLuaHooksModule{"lua_hooks", 0, nullptr, {}, nullptr, nullptr, finish};

}  // namespace weir::nginx
