// See lua/judge.h.
#include "lua/judge.h"

#include <algorithm>
#include <utility>

#include "lua/api.h"

namespace weir::lua {
namespace {

thread_local Judge* t_judge = nullptr;  // that runs on this thread

Str text_at(lua_State* l, int index) {
  size_t n = 0;
  const char* s = lua_type(l, index) == LUA_TSTRING ? lua_tolstring(l, index, &n) : nullptr;
  return {s, n};
}

}  // namespace

Judge::Judge(State& state, proxy::Transaction& txn, Str name, Str address)
    : call_{state, &txn}, name_(name), address_(address) {}

Judge::~Judge() {
  drop();
}

void Judge::drop() {
  if (call_.thread.lua) call_.state.drop(std::exchange(call_.thread, {}));
}

Judge::Step Judge::fail(Str reason) {
  reason_ = call_.txn->arena.dup(reason);
  drop();
  return Step::failed;
}

Judge::Step Judge::start(uint32_t function) {
  call_.thread = call_.state.take();
  std::string problem;
  if (!call_.state.push(call_.thread.lua, function, problem)) return fail(problem);
  call_.script = call_.state.pushed();
  return go_on(0);
}

Judge::Step Judge::answer(int status, Str body) {
  status_ = status;
  body_ = body;
  return go_on(0);
}

Judge::Step Judge::go_on(int args) {
  asks_ = false;
  lua_State* l = call_.thread.lua;
  t_judge = this;
  int rc;
  {
    Running running(call_);
    rc = lua_resume(l, args);
  }
  t_judge = nullptr;
  if (rc == 0) return conclude();
  if (rc != LUA_YIELD) {
    Str message = text_at(l, -1);
    return fail(message.data() ? message : Str{"(error object is not a string)"});
  }
  lua_settop(l, 0);
  return asks_ ? Step::asks : fail("it waited for something else than an answer");
}

Judge::Step Judge::conclude() {
  lua_State* l = call_.thread.lua;
  if (!lua_isboolean(l, 1))
    return fail(call_.txn->arena.cat("the function returned ", lua_gettop(l) ? luaL_typename(l, 1) : "nothing",
                                     ", not true or false"));
  bool well = lua_toboolean(l, 1);
  reason_ = well ? Str{} : call_.txn->arena.dup(text_at(l, 2));
  call_.state.give(std::exchange(call_.thread, {}));
  return well ? Step::well : Step::ill;
}

bool Judge::ask(Str path) {
  bool good =
      path.starts_with('/') && std::all_of(path.begin(), path.end(), [](char c) { return c > ' ' && c < 0x7f; });
  if (!good) return false;
  path_ = call_.txn->arena.dup(path);
  return asks_ = true;
}

}  // namespace weir::lua

extern "C" {

// 1: yield, and the answer is there. 0: that is no path. -1: no check runs.
int weir_lua_check_get(const char* path, size_t n) {
  if (!weir::lua::t_judge) return -1;
  return weir::lua::t_judge->ask({path, n});
}

// The status of the answer; its body goes to `out`.
int weir_lua_check_answer(weir_lua_str* out) {
  if (!weir::lua::t_judge) return 0;
  weir::lua::give(out, weir::lua::t_judge->body());
  return weir::lua::t_judge->status();
}

int weir_lua_check_server(int address, weir_lua_str* out) {
  if (!weir::lua::t_judge) return 0;
  return weir::lua::give(out, address ? weir::lua::t_judge->address() : weir::lua::t_judge->name());
}
}
