// Fetches and converters that Lua files registered, as `lua.NAME` in expressions (core.register_fetches and
// core.register_converters). They cannot wait. A script that comes upon one through a fetch of its own gets nothing: a state
// runs one thing at a time.
#include <fmt/format.h>

#include "expr/args.h"
#include "haproxy/lua.h"
#include "haproxy/rule.h"
#include "haproxy/scope.h"

namespace weir::haproxy {
namespace {

using expr::Arg;
using expr::Ctx;
using expr::Value;

constexpr int kMostArgs = 5;  // of a script; the number of its function stands behind them

struct Loading {
  lua::Program* program = nullptr;
  Arena* arena = nullptr;
  bool offline = false;
};
thread_local Loading loading;

uint32_t function_of(const Arg* args) {
  return static_cast<uint32_t>(args[kMostArgs].number);
}

void push_value(lua_State* l, const Value& v, Arena& arena) {
  if (v.type == expr::Type::boolean) return lua_pushboolean(l, v.boolean);
  if (v.type == expr::Type::integer) return lua_pushnumber(l, static_cast<lua_Number>(v.integer));
  Str s = v.is_text() ? v.str : expr::to_text(v, arena);
  lua_pushlstring(l, s.data(), s.size());
}

bool take_value(lua_State* l, Arena& arena, Value& out) {
  bool found = true;
  switch (lua_type(l, -1)) {
    case LUA_TBOOLEAN: out = Value::of_bool(lua_toboolean(l, -1)); break;
    case LUA_TNUMBER: out = Value::of(static_cast<int64_t>(lua_tonumber(l, -1))); break;
    case LUA_TSTRING: {
      size_t n = 0;
      const char* s = lua_tolstring(l, -1, &n);
      out = Value::of(arena.dup({s, n}));
      break;
    }
    default: found = false;
  }
  lua_pop(l, 1);
  return found;
}

// Runs the function on `input`, if there is one, and the arguments; its result goes to `out`.
bool run(const Ctx& ctx, const Arg* args, LuaPlace place, const Value* input, Value& out) {
  if (!ctx.txn || lua::current) return false;
  lua::State* state = lua_state(*ctx.txn);
  if (!state) return false;
  lua::Call call{*state, ctx.txn, nullptr, static_cast<uint8_t>(place), ctx.response};
  uint32_t function = function_of(args);
  bool good = lua::run_now(call, function, 1, [&](lua_State* l) {
    int n = 0;
    if (input) {
      push_value(l, *input, *ctx.arena);
      n++;
    }
    for (int i = 0; i < kMostArgs && args[i].present; i++, n++)
      lua_pushlstring(l, args[i].str.data(), args[i].str.size());
    return n;
  });
  if (good) return take_value(state->main(), *ctx.arena, out);
  Str name = state->program().function(function).name;
  log_lua_failure(*ctx.txn, input ? "converter" : "sample-fetch", name.substr(name.find('/') + 1), call);
  return false;
}

bool run_fetch(const Ctx& ctx, const Arg* args, Value& out) {
  return run(ctx, args, LuaPlace::fetch, nullptr, out);
}

bool run_converter(const Ctx& ctx, const Arg* args, Value& v) {
  Value input = v;
  return run(ctx, args, LuaPlace::converter, &input, v);
}

std::string check(Arg* args, int count, Str kind) {
  if (count > kMostArgs) return fmt::format("a Lua function takes at most {} arguments", kMostArgs);
  Str name = expr::parsing->keyword.substr(4);
  if (loading.program)
    args[kMostArgs].number =
        loading.program->add_function({lua::Function::Kind::registered, fmt::format("{}/{}", kind, name), {}});
  return {};
}
std::string check_fetch(Arg* args, int count, Arena&) {
  return check(args, count, "fetch");
}
std::string check_converter(Arg* args, int count, Arena&) {
  return check(args, count, "converter");
}

bool registered(Str kind, Str name) {
  if (loading.offline) return true;
  if (!loading.program) return false;
  if (!loading.program->first().push_registered(fmt::format("{}/{}", kind, name.substr(4)))) return false;
  lua_pop(loading.program->first().main(), 1);
  return true;
}

}  // namespace

void begin_lua(Arena& arena, bool offline) {
  loading = {nullptr, &arena, offline};
}

void use_lua_program(lua::Program& program) {
  loading.program = &program;
}

const expr::FetchDef* find_lua_fetch(Str name) {
  if (!registered("fetch", name)) return nullptr;
  auto* def = loading.arena->make<expr::FetchDef>();
  *def = {loading.arena->dup(name), 0,         kMostArgs + 1, expr::Type::string,
          expr::kAnywhere,          run_fetch, check_fetch,   "a Lua function"};
  return def;
}

const expr::ConvertDef* find_lua_converter(Str name) {
  if (!registered("converter", name)) return nullptr;
  auto* def = loading.arena->make<expr::ConvertDef>();
  *def = {
      loading.arena->dup(name), 0, kMostArgs + 1, expr::Type::any, expr::Type::string, run_converter, check_converter,
      "a Lua function"};
  return def;
}

}  // namespace weir::haproxy
