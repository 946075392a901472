#pragma once
// Compiling what scripts are made of. Everything that a configuration brings gets checks into its loops (lua/loop_guard.h): its
// files and blocks, the modules that they require, and what they compile themselves with load, loadstring, loadfile and dofile. Precompiled
// code is taken as it is, and so is what modules in C compile.
#include <lua.hpp>

#include "base/str.h"

namespace weir::lua {

class Burst;

// As luaL_loadbufferx; the compiler's messages are those about the text as it was written. `mode` may be null.
int load_guarded(lua_State* l, Str code, const char* name, const char* mode = nullptr);
// Makes the checks of a new state read `burst`, which outlives it, and puts the functions that compile in place of Lua's own.
void guard_state(lua_State* l, Burst& burst);

}  // namespace weir::lua
