#pragma once
// Functions that scripts register under weir's own words (lua/weir.lua, weir-lua(7)) for nginx's vocabulary:
//   weir.key(NAME, function(req) return text end)                        `sticky lua NAME`
//   weir.check(NAME, function(server) return well, reason end)           `health_check lua=NAME`
// A function that fails leaves what is configured without it; one line says so.
#include "nginx/module.h"

namespace weir::lua {
class State;
}

namespace weir::nginx {

struct LuaHook {
  Str name;
  uint32_t function = 0;  // of the program; valid once all scripts have run
};

// `kind`: "key" or "check"; `where`: the word that names it. What nobody registers is reported when all scripts have run.
const LuaHook& want_lua_hook(Scope& scope, Str kind, Str name, config::Where where);
// The text that keeps a request with others of its kind; empty: it has none, or the function failed, which was logged.
Str run_lua_key(proxy::Transaction& txn, const LuaHook& hook);

extern const Module kLuaHooksModule;  // behind kLuaModule, which runs the scripts

}  // namespace weir::nginx
