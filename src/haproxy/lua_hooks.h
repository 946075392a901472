#pragma once
// Functions that scripts register under weir's own words (lua/weir.lua, weir-lua(7)):
//   weir.balance(NAME, function(txn, servers) return number end)   `balance lua.NAME`
// A function that fails leaves what is configured without it; one line says so.
#include <lua.hpp>

#include <memory>

#include "balance/balancer.h"
#include "haproxy/scope.h"

namespace weir::haproxy {

struct LuaHook {
  Str name;
  uint32_t function = 0;  // of the program
};

// `kind`: "balance"; `word`: "lua.NAME". Null after an error; one that nobody can know offline is noted, and
// null, too.
const LuaHook* find_lua_hook(Scope& scope, Str kind, const Word& word);
// Runs it for a request, without arguments but those that lua/weir.lua gives it, and leaves its one result on the state's main
// thread. Null: it failed, which was logged, or another script runs.
lua_State* run_lua_hook(proxy::Transaction& txn, Str kind, const LuaHook& hook);

// `balance lua.NAME`; where the script gives no server, one is drawn as without `balance`.
std::unique_ptr<model::Balancer> make_lua_balancer(const LuaHook& hook, std::unique_ptr<model::Balancer> usual,
                                                   bool all_backups);

}  // namespace weir::haproxy
