// See lua/call.h.
#include "lua/call.h"

#include <errno.h>

#include "proxy/shard.h"

namespace weir::lua {

constinit thread_local Call* current = nullptr;

namespace {

Str copy_text(Call& call, lua_State* l, int index) {
  size_t n = 0;
  const char* s = lua_tolstring(l, index, &n);
  return call.txn->arena.dup(s ? Str{s, n} : Str{"(error object is not a string)"});
}

Str without_head(Str trace) {
  constexpr Str kHead = "stack traceback:\n";
  return trace.starts_with(kHead) ? trace.substr(kHead.size()) : trace;
}

// Keeps the message on top of `l` and where it came from; `from` is the thread whose calls are shown.
void note_failure(Call& call, lua_State* from) {
  lua_State* l = call.state.main();
  call.problem = copy_text(call, from, -1);
  luaL_traceback(l, from, nullptr, 0);
  call.trace = without_head(copy_text(call, l, -1));
  lua_pop(l, 1);
}

Outcome go_on(Call& call, int args) {
  lua_State* l = call.thread.lua;
  int rc;
  {
    Running running(call);
    rc = lua_resume(l, args);
  }
  if (rc == LUA_YIELD) {
    if (!call.exited) {
      lua_settop(l, 0);
      return Outcome::waits;
    }
    call.state.drop(call.thread);
    return Outcome::done;
  }
  if (rc != 0) {
    note_failure(call, l);
    call.state.drop(call.thread);
    return Outcome::failed;
  }
  call.has_result = lua_gettop(l) > 0 && lua_isnumber(l, -1);
  if (call.has_result) call.result = static_cast<int64_t>(lua_tonumber(l, -1));
  call.state.give(call.thread);
  return Outcome::done;
}

// The message handler of protected calls: notes the calls that led to the error while they are still there. It may give
// back one value only, so message and trace go into a table.
int pair_with_trace(lua_State* l) {
  lua_createtable(l, 2, 0);
  lua_pushvalue(l, 1);
  lua_rawseti(l, -2, 1);
  luaL_traceback(l, l, nullptr, 1);
  lua_rawseti(l, -2, 2);
  return 1;
}

}  // namespace

Outcome park(Call& call) {
  auto* parked = call.txn->arena.own<Parked>(call);
  call.cursor->state = parked;
  call.txn->own(parked);
  parked->wait();
  return Outcome::waits;
}

Parked::Parked(const Call& c) : call(c), generation_(c.cursor->generation) {
  cancel = [](proxy::Waiter* w) {
    auto* self = static_cast<Parked*>(w);
    self->call.txn->shard.loop.disarm(*self);
    self->call.state.drop(self->call.thread);
  };
}

void Parked::wait() {
  over_ = false;
  if (!call.waits_for_body) call.txn->shard.loop.arm(*this, call.wait_ms);
}

bool Parked::ready() const {
  if (!call.waits_for_body) return over_;
  const proxy::BodyCollector* body = call.txn->collected();
  return body && (body->complete || body->failed);
}

void Parked::on_timer() {
  over_ = true;
  if (call.cursor->generation == generation_) call.txn->wake(*call.cursor);
}

void refuse(Call& call, const std::string& problem) {
  call.refused = true;
  call.missing = errno == ENOENT;
  call.problem = call.txn->arena.dup(problem);
}

Outcome start(Call& call, uint32_t function, std::span<const Str> args) {
  call.thread = call.state.take();
  std::string problem;
  if (!call.state.push(call.thread.lua, function, problem)) {
    call.state.give(call.thread);
    refuse(call, problem);
    return Outcome::failed;
  }
  call.script = call.state.pushed();
  for (Str a : args) lua_pushlstring(call.thread.lua, a.data(), a.size());
  Outcome o = go_on(call, static_cast<int>(args.size()));
  return o == Outcome::waits ? park(call) : o;
}

Outcome start_file(Call& call, const std::string& path) {
  call.thread = call.state.take();
  std::string problem;
  if (!call.state.push_file(call.thread.lua, path, problem)) {
    call.state.give(call.thread);
    refuse(call, problem);
    return Outcome::failed;
  }
  call.script = call.state.pushed();
  Outcome o = go_on(call, 0);
  return o == Outcome::waits ? park(call) : o;
}

Outcome resume(Parked& parked) {
  Call& call = parked.call;
  if (!parked.ready()) return Outcome::waits;
  call.wait_ms = 0;
  call.waits_for_body = false;
  Outcome o = go_on(call, 0);
  if (o == Outcome::waits) {
    parked.wait();
    return o;
  }
  call.txn->disown(&parked);
  call.cursor->state = nullptr;
  return o;
}

bool run_pushed(Call& call, int args, int results) {
  lua_State* l = call.state.main();
  int base = lua_gettop(l) - args;
  call.script = call.state.pushed();
  lua_pushcfunction(l, pair_with_trace);
  lua_insert(l, base);
  int rc;
  {
    Running running(call);
    rc = lua_pcall(l, args, results, base);
  }
  lua_remove(l, base);
  if (rc == 0) return true;
  if (lua_istable(l, -1)) {
    lua_rawgeti(l, -1, 1);
    call.problem = copy_text(call, l, -1);
    lua_rawgeti(l, -2, 2);
    call.trace = without_head(copy_text(call, l, -1));
    lua_pop(l, 2);
  } else {
    call.problem = copy_text(call, l, -1);
  }
  lua_pop(l, 1);
  return false;
}

}  // namespace weir::lua
