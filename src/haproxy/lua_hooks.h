#pragma once
// What the Lua side gives to this personality: whether an action of a name exists, and the steps that run it. Set once,
// before a configuration is bound; null: there is no Lua, and its words are planned.
#include <span>

#include "config/tree.h"
#include "haproxy/proxy.h"
#include "proxy/step.h"

namespace weir::haproxy {

struct Scope;
struct LuaFile;

struct LuaHooks {
  virtual ~LuaHooks() = default;
  // Loads a file so that the actions, fetches, converters and services that it registers are known. False: reported.
  virtual bool load_file(Scope& scope, const LuaFile& file) = 0;
  virtual bool has_action(Str name, Ruleset set) = 0;
  // A step that runs the action; `condition` may be null. Null when the arguments do not fit: reported.
  virtual bool make_step(Scope& scope, Str name, std::span<const config::Word> args, Ruleset set, const Condition* condition,
                         config::Where where, proxy::Step& out) = 0;
  virtual bool has_service(Str name) = 0;
  virtual bool make_service(Scope& scope, Str name, const Condition* condition, config::Where where, proxy::Step& out) = 0;
  // Names of actions for suggestions.
  virtual std::vector<Str> action_names() = 0;
};

extern LuaHooks* lua_hooks;

}  // namespace weir::haproxy
