// See lua/loading.h.
#include "lua/loading.h"

#include <string>

#include "lua/burst.h"
#include "lua/loop_guard.h"
#include "lua/program.h"

namespace weir::lua {
namespace {

// The check that loop_guard.h puts in. A compiled loop would read the word once and for all if nothing could have changed it: fill
// says that memory was written.
constexpr Str kCheck = R"lua(
local word, stop = ...
local ffi = require "ffi"
local fill, written = ffi.fill, ffi.new "char[1]"
word = ffi.cast("const int32_t *", word)
ffi.metatype("complex", {
  __call = function()
    if word[0] < 0 then stop() end
    fill(written, 1)
  end,
})
)lua";

// The error stands at the place of the check, two calls up.
int stop(lua_State* l) {
  const auto* burst = static_cast<const Burst*>(lua_touserdata(l, lua_upvalueindex(1)));
  luaL_where(l, 2);
  lua_pushfstring(l, "burst timeout: it has run for %d ms without a wait", static_cast<int>(burst->limit_ms()));
  lua_concat(l, 2);
  return lua_error(l);
}

// The name of none is standard input.
int load_file(lua_State* l, const char* path, const char* mode) {
  std::string text, problem;
  if (!path || !read_text(path, text, problem)) return luaL_loadfilex(l, path, mode);
  return load_guarded(l, text, ("@" + std::string(path)).c_str(), mode);
}

// What load and loadfile give back; the environment stands at `environment` if there is one.
int loaded(lua_State* l, int status, int environment) {
  if (status != 0) {
    lua_pushnil(l);
    lua_insert(l, -2);
    return 2;
  }
  if (lua_istable(l, environment)) {
    lua_pushvalue(l, environment);
    lua_setfenv(l, -2);
  }
  return 1;
}

// The pieces that the function at 1 gives. False: its error is on top.
bool read_pieces(lua_State* l, std::string& text) {
  for (;;) {
    lua_pushvalue(l, 1);
    if (lua_pcall(l, 0, 1, 0) != 0) return false;
    size_t n = 0;
    const char* piece = lua_isnil(l, -1) ? "" : lua_tolstring(l, -1, &n);
    if (!piece) {
      lua_pushliteral(l, "reader function must return a string");
      return false;
    }
    text.append(piece, n);
    lua_pop(l, 1);
    if (n == 0) return true;
  }
}

// load(text | function | string buffer [, name [, mode [, environment]]])
int load(lua_State* l) {
  const char* name = luaL_optstring(l, 2, nullptr);
  const char* mode = luaL_optstring(l, 3, nullptr);
  lua_settop(l, 4);
  if (lua_isuserdata(l, 1) && luaL_callmeta(l, 1, "__tostring")) {
    lua_replace(l, 1);
    if (!name) name = "";
  }
  if (lua_isstring(l, 1)) {
    size_t n = 0;
    const char* text = lua_tolstring(l, 1, &n);
    return loaded(l, load_guarded(l, {text, n}, name ? name : text, mode), 4);
  }
  luaL_checktype(l, 1, LUA_TFUNCTION);
  std::string text;
  int status = read_pieces(l, text) ? load_guarded(l, text, name ? name : "=(load)", mode) : LUA_ERRRUN;
  return loaded(l, status, 4);
}

// loadfile([path [, mode [, environment]]])
int loadfile(lua_State* l) {
  const char* path = luaL_optstring(l, 1, nullptr);
  const char* mode = luaL_optstring(l, 2, nullptr);
  lua_settop(l, 3);
  return loaded(l, load_file(l, path, mode), 3);
}

// dofile([path])
int dofile(lua_State* l) {
  const char* path = luaL_optstring(l, 1, nullptr);
  lua_settop(l, 1);
  if (load_file(l, path, nullptr) != 0) return lua_error(l);
  lua_call(l, 0, LUA_MULTRET);
  return lua_gettop(l) - 1;
}

// The loader of `require` that looks in package.path; the package table is its upvalue.
int load_module(lua_State* l) {
  luaL_checkstring(l, 1);
  lua_getfield(l, lua_upvalueindex(1), "searchpath");
  lua_pushvalue(l, 1);
  lua_getfield(l, lua_upvalueindex(1), "path");
  if (!lua_isstring(l, -1)) return luaL_error(l, "'package.path' must be a string");
  lua_call(l, 2, 2);
  if (lua_isnil(l, -2)) return 1;  // where it is not
  lua_pop(l, 1);
  if (load_file(l, lua_tostring(l, -1), nullptr) == 0) return 1;
  return luaL_error(l, "error loading module '%s' from file '%s':\n\t%s", lua_tostring(l, 1), lua_tostring(l, -2),
                    lua_tostring(l, -1));
}

void set_global(lua_State* l, const char* name, lua_CFunction f) {
  lua_pushcfunction(l, f);
  lua_setglobal(l, name);
}

}  // namespace

// What a check could not be put in, because a limit of the compiler stands in the way, goes without.
int load_guarded(lua_State* l, Str code, const char* name, const char* mode) {
  std::string guarded;
  if (guard_loops(code, guarded)) {
    if (luaL_loadbufferx(l, guarded.data(), guarded.size(), name, mode) == 0) return 0;
    lua_pop(l, 1);
  }
  return luaL_loadbufferx(l, code.data(), code.size(), name, mode);
}

void guard_state(lua_State* l, Burst& burst) {
  luaL_loadbuffer(l, kCheck.data(), kCheck.size(), "=weir.check");
  lua_pushlightuserdata(l, const_cast<void*>(burst.word()));
  lua_pushlightuserdata(l, &burst);
  lua_pushcclosure(l, stop, 1);
  lua_call(l, 2, 0);
  set_global(l, "load", load);
  set_global(l, "loadstring", load);
  set_global(l, "loadfile", loadfile);
  set_global(l, "dofile", dofile);
  lua_getglobal(l, "package");
  lua_getfield(l, -1, "loaders");
  lua_pushvalue(l, -2);
  lua_pushcclosure(l, load_module, 1);
  lua_rawseti(l, -2, 2);
  lua_pop(l, 2);
}

}  // namespace weir::lua
