// See haproxy/lua_hooks.h.
#include "haproxy/lua_hooks.h"

#include <fmt/format.h>

#include <vector>

#include "balance/lineup.h"
#include "haproxy/lua.h"
#include "haproxy/rule.h"
#include "lua/api.h"
#include "lua/hook.h"
#include "net/loop.h"

namespace weir::haproxy {
namespace {

// The servers of the pick that runs on this thread; empty while none does.
thread_local std::vector<const model::Server*> t_servers;

const model::Server* candidate(int index) {
  bool there = index >= 1 && static_cast<size_t>(index) <= t_servers.size();
  return there ? t_servers[static_cast<size_t>(index) - 1] : nullptr;
}

class LuaBalancer final : public model::Balancer {
 public:
  LuaBalancer(const LuaHook& hook, std::unique_ptr<model::Balancer> usual, bool all_backups)
      : Balancer(usual->wishes), hook_(hook), usual_(std::move(usual)), all_backups_(all_backups) {}
  Str name() const override { return "lua"; }
  void answered(const model::Server& s, uint64_t header_ms, uint64_t now_ms) override {
    usual_->answered(s, header_ms, now_ms);
  }
  void ended(const model::Server& s, const model::TryEnd& end) override { usual_->ended(s, end); }
  void grow(size_t slots) override { usual_->grow(slots); }
  void prepare(const model::Pool& pool, uint64_t now_ms) override { usual_->prepare(pool, now_ms); }

  const model::Server* pick(const model::Pool& pool, proxy::Transaction& txn, const model::Tried& tried) override {
    {
      model::PickLock lock(pool);
      for (const model::Lineup::Place& p :
           model::places_in_charge(model::lineup(pool, net::Loop::current().now()), all_backups_))
        if (model::takes(*p.server, tried)) t_servers.push_back(p.server);
    }
    if (t_servers.empty()) return usual_->pick(pool, txn, tried);
    lua_State* l = run_lua_hook(txn, "balance", hook_);
    const model::Server* chosen = nullptr;
    if (l) {
      chosen = lua_isnumber(l, -1) ? candidate(static_cast<int>(lua_tointeger(l, -1))) : nullptr;
      lua_pop(l, 1);
      if (!chosen) lua_log(&txn, kLevelError, fmt::format("Lua balance '{}' named no server", hook_.name));
    }
    t_servers.clear();
    return chosen ? chosen : usual_->pick(pool, txn, tried);
  }

 private:
  const LuaHook& hook_;
  std::unique_ptr<model::Balancer> usual_;
  bool all_backups_;
};

}  // namespace

const LuaHook* find_lua_hook(Scope& scope, Str kind, const Word& word) {
  Str name = word.text.substr(word.text.find('.') + 1);
  if (scope.options.offline) {
    scope.diag.note(word.where, fmt::format("the Lua function '{}' is not known", name));
    return nullptr;
  }
  lua::FoundHook found = lua::find_hook(scope.model, kind, name);
  if (!found.found) {
    scope.error(word.where, fmt::format("no Lua file registered '{}' with weir.{}", name, kind),
                found.near.empty() ? std::string() : fmt::format("did you mean 'lua.{}'?", found.near));
    return nullptr;
  }
  auto* hook = scope.arena.make<LuaHook>();
  hook->name = scope.keep(name);
  hook->function = found.function;
  return hook;
}

lua_State* run_lua_hook(proxy::Transaction& txn, Str kind, const LuaHook& hook) {
  lua::State* state = lua::current ? nullptr : lua_state(txn);
  if (!state) return nullptr;
  lua::Call call{*state, &txn, nullptr, static_cast<uint8_t>(LuaPlace::fetch), false};
  if (lua::run_now(call, hook.function, 1, [](lua_State*) { return 0; })) return state->main();
  log_lua_failure(txn, kind, hook.name, call);
  return nullptr;
}

std::unique_ptr<model::Balancer> make_lua_balancer(const LuaHook& hook, std::unique_ptr<model::Balancer> usual,
                                                   bool all_backups) {
  return std::make_unique<LuaBalancer>(hook, std::move(usual), all_backups);
}

}  // namespace weir::haproxy

extern "C" {

int weir_lua_servers() {
  return static_cast<int>(weir::haproxy::t_servers.size());
}

int weir_lua_server_name(int index, weir_lua_str* out) {
  const weir::model::Server* s = weir::haproxy::candidate(index);
  return s ? weir::lua::give(out, s->name) : 0;
}

// `what`: 1 weight, 2 requests on it, 3 its limit (0: none).
double weir_lua_server_number(int index, int what) {
  const weir::model::Server* s = weir::haproxy::candidate(index);
  if (!s) return 0;
  constexpr auto kRelaxed = std::memory_order_relaxed;
  if (what == 1) return s->state->weight.load(kRelaxed);
  return what == 2 ? s->state->current.read() : s->state->max_conns.load(kRelaxed);
}
}
