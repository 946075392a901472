// See nginx/health_lua.h.
#include "nginx/health_lua.h"

#include <fmt/format.h>

#include "lua/judge.h"
#include "nginx/error_log.h"
#include "proxy/shard.h"
#include "proxy/transaction.h"

namespace weir::nginx {
namespace {

using health::Next;
using health::Run;
using health::Status;
using lua::Judge;

constexpr uint32_t kConnect = 1, kExpect = 3;  // steps

struct Judging {
  Judging(lua::State& state, proxy::Transaction& txn, const model::Server& server, uint64_t now)
      : address(server.address().text()), judge(state, txn, server.name, address), began_ms(now) {}
  std::string address;
  Judge judge;
  uint64_t began_ms;
};

void free_judging(void* extra) {
  delete static_cast<Judging*>(extra);
}

// The server stays what it is.
Next give_up(Run& run, const LuaCheck& check, Str why) {
  const model::Server& s = run.server();
  log_error(nullptr, LogLevel::error, 0,
            fmt::format("health check lua \"{}\" of peer {} in upstream \"{}\" failed: {}; the peer stays as it is",
                        check.hook->name, s.address().text(), s.pool->name, why));
  run.finish(Status::unchanged, std::string(why));
  return Next::stop;
}

Next follow(Run& run, const LuaCheck& check, Judge::Step step, Next asks) {
  const Judge& judge = static_cast<Judging*>(run.extra)->judge;
  switch (step) {
    case Judge::Step::asks: return asks;
    case Judge::Step::failed: return give_up(run, check, judge.reason());
    case Judge::Step::well: run.finish(Status::l7_ok); break;
    case Judge::Step::ill:
      run.finish(Status::l7_wrong, std::string(judge.reason().empty() ? Str{"not well"} : judge.reason()));
      break;
  }
  return Next::stop;
}

Next begin(Run& run, const void* conf, bool) {
  const auto& check = *static_cast<const LuaCheck*>(conf);
  proxy::Transaction* txn = run.exchange();
  if (!txn) return give_up(run, check, "no memory");
  std::string problem;
  lua::State* state = lua::attach(run.shard(), problem);
  if (!state) return give_up(run, check, problem);
  auto* judging = new Judging(*state, *txn, run.server(), run.shard().loop.now());
  run.extra = judging;
  run.free_extra = free_judging;
  return follow(run, check, judging->judge.start(check.hook->function), Next::next);
}

Next expect(Run& run, const void*, bool last) {
  auto state = run.answer().read(run, last);
  const http::Message* head = run.answer().head();
  if (state == health::HttpAnswer::State::done) return run.set_code(head->status), Next::next;
  if (state != health::HttpAnswer::State::bad && !last) return Next::wait;
  run.finish(Status::l7_invalid, state == health::HttpAnswer::State::bad ? "upstream sent invalid header"
                                                                         : "upstream prematurely closed connection");
  return Next::stop;
}

Next go_on(Run& run, const void* conf, bool) {
  const auto& check = *static_cast<const LuaCheck*>(conf);
  auto& judging = *static_cast<Judging*>(run.extra);
  Next next = follow(run, check, judging.judge.answer(run.code(), run.answer().body()), Next::back);
  if (next != Next::back || run.shard().loop.now() - judging.began_ms < check.patience) return next;
  run.finish(Status::l7_timeout);
  return Next::stop;
}

}  // namespace

void add_lua_steps(Arena& arena, health::Program& program, const LuaCheck& check,
                   bool (*send)(Run& run, const void* conf, std::string& out)) {
  using Kind = health::Step::Kind;
  auto add = [&](Kind kind, uint32_t again) -> health::Step& {
    health::Step& step = program.steps.push(arena, health::Step{});
    step.kind = kind;
    step.conf = &check;
    step.again = again;
    return step;
  };
  auto* connect = arena.make<health::Connect>();
  connect->usual = true;
  add(Kind::act, 0).run = begin;
  add(Kind::connect, 0).connect = connect;
  add(Kind::send, 0).send = send;
  add(Kind::expect, kExpect).run = expect;
  add(Kind::act, kConnect).run = go_on;
}

Str judged_path(const Run& run) {
  return run.extra ? static_cast<const Judging*>(run.extra)->judge.path() : Str{};
}

}  // namespace weir::nginx
