// See lua/hook.h.
#include "lua/hook.h"

#include <fmt/format.h>

#include "config/diag.h"
#include "lua/state.h"

namespace weir::lua {

FoundHook find_hook(model::Model& model, Str kind, Str name) {
  FoundHook hook;
  Program* program = Program::find(model);
  if (!program) return hook;
  State& state = program->first();
  std::string registered = fmt::format("{}/{}", kind, name);
  if (!state.push_registered(registered)) {
    std::vector<std::string> known = state.registered_names(fmt::format("{}/", kind));
    hook.near = config::nearest(name, {known.begin(), known.end()});
    return hook;
  }
  lua_pop(state.main(), 1);
  hook.found = true;
  hook.function = program->add_function({Function::Kind::registered, registered, {}});
  return hook;
}

}  // namespace weir::lua
