#pragma once
// `health_check lua=NAME`: a function of a script (weir.check) judges a server by the answers that it asks for. The check's steps: the
// function begins; each request that it asks for is sent on a connection of its own; it goes on with the answer. Its state is
// Run::extra.
#include "health/run.h"
#include "nginx/lua_hooks.h"

namespace weir::nginx {

struct LuaCheck {
  const LuaHook* hook = nullptr;
  uint32_t patience = 0;  // ms for all requests together, looked at before each further one
};

// Adds the steps; `send` writes the request for judged_path().
void add_lua_steps(Arena& arena, health::Program& program, const LuaCheck& check,
                   bool (*send)(health::Run& run, const void* conf, std::string& out));
// What the function asks for; empty when no function runs.
Str judged_path(const health::Run& run);

}  // namespace weir::nginx
