// See lua/state.h.
#include "lua/state.h"

#include <errno.h>
#include <fmt/format.h>
#include <string.h>
#include <unistd.h>

#include "lua/loading.h"
#include "proxy/shard.h"

namespace weir::lua {
namespace {

constexpr size_t kFreeCoroutines = 1024;

Str text_at(lua_State* l, int index) {
  size_t n = 0;
  const char* s = lua_tolstring(l, index, &n);
  return s ? Str{s, n} : Str{"(error object is not a string)"};
}

std::string pop_text(lua_State* l) {
  std::string text(text_at(l, -1));
  lua_pop(l, 1);
  return text;
}

// How people call the function on top of `l`: by its chunk, or by what it was registered as and the place of the script's own
// function, which our libraries have as their `f`.
std::string script_of(lua_State* l, const Function& f) {
  std::string name = f.name;
  if (f.kind != Function::Kind::registered) return name.starts_with('=') ? name.substr(1) : name;
  lua_pushvalue(l, -1);
  for (int i = 1; const char* upvalue = lua_getupvalue(l, -1, i); i++) {
    if (Str(upvalue) == "f" && lua_isfunction(l, -1)) {
      lua_replace(l, -2);
      break;
    }
    lua_pop(l, 1);
  }
  lua_Debug place;
  lua_getinfo(l, ">S", &place);
  return fmt::format("{} ({}:{})", name, place.short_src, place.linedefined);
}

}  // namespace

State::State(const Program& program, int number) : program_(program), main_(luaL_newstate()) {
  luaL_openlibs(main_);
  lua_newtable(main_);
  kept_ = luaL_ref(main_, LUA_REGISTRYINDEX);
  lua_newtable(main_);
  lua_pushinteger(main_, number);
  lua_setfield(main_, -2, "number");
  registered_ = luaL_ref(main_, LUA_REGISTRYINDEX);
  guard_state(main_, burst);
}

State::~State() {
  for (auto& e : extras) e.reset();
  lua_close(main_);
}

// Our libraries are handed the tables that they share with C++ and are found again by require.
std::string State::run(const Start& start) {
  lua_State* l = main_;
  bool library = start.name.starts_with("=weir.");
  int status = library ? luaL_loadbuffer(l, start.code.data(), start.code.size(), start.name.c_str())
                       : load_guarded(l, start.code, start.name.c_str());
  if (status != 0) return pop_text(l);
  auto args = static_cast<int>(start.args.size());
  luaL_checkstack(l, args + 4, nullptr);
  for (const std::string& a : start.args) lua_pushlstring(l, a.data(), a.size());
  if (library) {
    lua_rawgeti(l, LUA_REGISTRYINDEX, registered_);
    lua_rawgeti(l, LUA_REGISTRYINDEX, kept_);
    args += 2;
  }
  if (lua_pcall(l, args, library ? 1 : 0, 0) != 0) return pop_text(l);
  if (!library) return {};
  lua_getfield(l, LUA_REGISTRYINDEX, "_LOADED");
  lua_pushvalue(l, -2);
  lua_setfield(l, -2, start.name.c_str() + 1);
  lua_pop(l, 2);
  return {};
}

bool State::load(lua_State* to, const Function& f, std::string& problem) {
  errno = 0;
  if (f.kind == Function::Kind::registered) {
    lua_rawgeti(to, LUA_REGISTRYINDEX, registered_);
    lua_getfield(to, -1, f.name.c_str());
    lua_remove(to, -2);
    if (lua_isfunction(to, -1)) return true;
    lua_pop(to, 1);
    problem = fmt::format("no script registered {}", f.name);
    return false;
  }
  std::string text;
  bool file = f.kind == Function::Kind::file;
  if (file && !read_text(f.name, text, problem)) return false;
  std::string name = file ? "@" + f.name : f.name;
  Str code = file ? Str(text) : Str(f.code);
  if (load_guarded(to, code, name.c_str()) == 0) return true;
  problem = pop_text(to);
  return false;
}

// Compiles it, or finds it. Null: `problem` says why not.
std::unique_ptr<State::Kept> State::keep(lua_State* to, const Function& f, std::string& problem) {
  if (!load(to, f, problem)) return nullptr;
  std::string script = script_of(to, f);
  return std::make_unique<Kept>(luaL_ref(to, LUA_REGISTRYINDEX), std::move(script));
}

bool State::push(lua_State* to, const Kept& kept) {
  lua_rawgeti(to, LUA_REGISTRYINDEX, kept.reference);
  pushed_ = &kept.script;
  return true;
}

bool State::push(lua_State* to, uint32_t number, std::string& problem) {
  if (number >= functions_.size()) functions_.resize(number + 1);
  std::unique_ptr<Kept>& kept = functions_[number];
  if (!kept) kept = keep(to, program_.function(number), problem);
  return kept && push(to, *kept);
}

bool State::push_file(lua_State* to, const std::string& path, std::string& problem) {
  std::unique_ptr<Kept>& kept = files_[path];
  if (!kept) kept = keep(to, {Function::Kind::file, path, {}}, problem);
  if (kept) return push(to, *kept);
  files_.erase(path);  // whoever asks for files that are not there fills no memory
  return false;
}

bool State::push_registered(Str name) {
  lua_State* l = main_;
  lua_rawgeti(l, LUA_REGISTRYINDEX, registered_);
  lua_pushlstring(l, name.data(), name.size());
  lua_rawget(l, -2);
  lua_remove(l, -2);
  if (!lua_isnil(l, -1)) return true;
  lua_pop(l, 1);
  return false;
}

std::vector<std::string> State::registered_names(Str prefix) {
  std::vector<std::string> out;
  lua_State* l = main_;
  lua_rawgeti(l, LUA_REGISTRYINDEX, registered_);
  for (lua_pushnil(l); lua_next(l, -2); lua_pop(l, 1)) {
    Str name = lua_type(l, -2) == LUA_TSTRING ? text_at(l, -2) : Str{};
    if (name.starts_with(prefix)) out.emplace_back(name.substr(prefix.size()));
  }
  lua_pop(l, 1);
  return out;
}

Coroutine State::take() {
  if (!free_.empty()) {
    Coroutine c = free_.back();
    free_.pop_back();
    return c;
  }
  Coroutine c;
  c.lua = lua_newthread(main_);
  c.reference = luaL_ref(main_, LUA_REGISTRYINDEX);
  return c;
}

void State::give(Coroutine c) {
  lua_settop(c.lua, 0);
  if (free_.size() < kFreeCoroutines)
    free_.push_back(c);
  else
    drop(c);
}

void State::drop(Coroutine c) {
  luaL_unref(main_, LUA_REGISTRYINDEX, c.reference);
}

void State::forget(double key) {
  lua_rawgeti(main_, LUA_REGISTRYINDEX, kept_);
  lua_pushnumber(main_, key);
  lua_pushnil(main_);
  lua_rawset(main_, -3);
  lua_pop(main_, 1);
}

State* attach(proxy::Shard& shard, std::string& problem) {
  if (shard.lua) return static_cast<State*>(shard.lua);
  Program* program = Program::find(shard.model);
  State* state = program ? program->take(problem) : nullptr;
  if (!state) return nullptr;
  state->shard = shard.index;
  state->thread = gettid();
  clockid_t clock = -1;
  pthread_getcpuclockid(pthread_self(), &clock);
  state->clock.store(clock, std::memory_order_release);
  shard.lua = state;
  for (const Start& s : program->shard_starts())
    if (std::string p = state->run(s); !p.empty()) problem = p;
  return state;
}

}  // namespace weir::lua
