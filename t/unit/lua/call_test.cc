// Handlers that wait: two on one shard, one that is cancelled, waits inside coroutines, errors.
#include "lua/call.h"

#include <criterion/criterion.h>

#include <functional>
#include <memory>

#include "base/slab.h"
#include "proxy/personality.h"
#include "proxy/shard.h"

using namespace weir;
using lua::Call;
using lua::Function;
using lua::Outcome;
using lua::Program;
using proxy::Cursor;
using proxy::Next;
using proxy::Transaction;

namespace {

class Nobody final : public proxy::Personality {
 public:
  Str name() const override { return "nobody"; }
  void begin(Transaction&) const override {}
  void response(Transaction&) const override {}
  void filters(Transaction&) const override {}
  void error_reply(Transaction&, const Error&) const override {}
  bool wants_retry(const Transaction&, const Error&) const override { return false; }
  void attempt_failed(Transaction&, const Error&) const override {}
  void attempt_answered(Transaction&) const override {}
  bool pick_another(const Transaction&) const override { return false; }
  void connection_refused(const model::Listener&, net::Conn*, const net::Addr&, Refusal, Str, Str) const override {}
  bool passes_interim(const Transaction&) const override { return false; }
  bool ends_quietly(bool) const override { return true; }
  void finish_head(Transaction&, http::Message&) const override {}
  void broke_off(const Transaction&, const Error&) const override {}
  void trouble(const model::Listener&, int, Str) const override {}
  void log(Transaction&) const override {}
};
const Nobody kNobody;

struct Ended {
  Outcome outcome;
  int64_t result;
  std::string problem;
  std::string trace;
};

struct Script {
  uint32_t function;
  std::vector<Ended>* ended;
};

Next note(const Script& s, const Call& call, Outcome o) {
  s.ended->push_back({o, call.result, std::string(call.problem), std::string(call.trace)});
  return Next::done;
}

Next run_script(Transaction& txn, Cursor& cursor, const void* conf) {
  const auto& s = *static_cast<const Script*>(conf);
  if (auto* parked = static_cast<lua::Parked*>(cursor.state)) {
    Outcome o = lua::resume(*parked);
    return o == Outcome::waits ? Next::wait : note(s, parked->call, o);
  }
  std::string problem;
  Call call{*lua::attach(txn.shard, problem), &txn, &cursor, 1};
  Outcome o = lua::start(call, s.function);
  return o == Outcome::waits ? Next::wait : note(s, call, o);
}

// Does something at its time.
struct At final : Timer {
  std::function<void()> act;
  void on_timer() override { act(); }
};

// A shard whose transactions run one script each.
struct Bench {
  model::Model model;
  model::Listener listener;
  Program& program = Program::of(model);
  proxy::Crew crew;
  proxy::Shard shard{model, 0, 1, crew};
  std::vector<Ended> ended;
  std::vector<Transaction*> started;
  std::vector<std::unique_ptr<At>> timers;

  Bench() {
    listener.personality = &kNobody;
    std::string problem = program.add_library("core");
    cr_assert(problem.empty(), "%s", problem.c_str());
  }
  uint32_t code(const char* text) { return program.add_function({Function::Kind::code, "=test", text}); }
  Transaction* start(uint32_t function) {
    auto* txn = Slab<Transaction>::local().make(shard, listener, nullptr);
    auto* script = txn->arena.make<Script>(Script{function, &ended});
    auto* step = txn->arena.make<proxy::Step>(proxy::Step{run_script, script, {}});
    started.push_back(txn);
    txn->begin_at(txn->arena.make<proxy::Segment>(proxy::Segment{"test", step, 1, nullptr}));
    return txn;
  }
  void at(uint64_t ms, std::function<void()> act) {
    timers.push_back(std::make_unique<At>());
    timers.back()->act = std::move(act);
    shard.loop.arm(*timers.back(), ms);
  }
  // Runs the loop once, for that long; what was started is finished then.
  void run(uint64_t ms) {
    at(ms, [this] {
      for (Transaction* t : started)
        if (!t->finished()) t->finish();
    });
    at(ms + 5, [this] { shard.loop.stop(); });
    shard.run();
  }
};

constexpr const char* kSleep = "local core = require 'weir.core' ";

}  // namespace

Test(lua_call, a_result_without_a_wait) {
  Bench b;
  b.start(b.code("return 7"));
  b.run(5);
  cr_assert(b.ended.size() == 1);
  cr_expect(b.ended[0].outcome == Outcome::done && b.ended[0].result == 7);
}

Test(lua_call, two_sleepers_on_one_shard) {
  Bench b;
  std::string head = kSleep;
  uint32_t slow = b.code((head + "local mine = 1; core.sleep(0.06); return mine").c_str());
  uint32_t fast = b.code((head + "local mine = 2; core.sleep(0.01); core.sleep(0.01); return mine").c_str());
  b.start(slow);
  b.start(fast);
  b.run(150);
  cr_assert(b.ended.size() == 2);
  cr_expect(b.ended[0].result == 2, "the one that slept less is first");
  cr_expect(b.ended[1].result == 1);
}

Test(lua_call, a_sleeper_that_is_cancelled_is_not_gone_on_with) {
  Bench b;
  std::string head = kSleep;
  uint32_t sleeper = b.code((head + "core.sleep(0.02); woken = true").c_str());
  uint32_t look = b.code("return woken and 1 or 0");
  Transaction* txn = b.start(sleeper);
  b.at(5, [&] {
    txn->finish();
    std::erase(b.started, txn);
    b.at(40, [&] { b.start(look); });
  });
  b.run(120);
  cr_assert(b.ended.size() == 1, "the sleeper never ended");
  cr_expect(b.ended[0].result == 0);
}

Test(lua_call, a_wait_passes_through_coroutines_of_the_script) {
  Bench b;
  std::string head = kSleep;
  b.start(b.code((head + "local gen = coroutine.wrap(function() core.sleep(0.005) coroutine.yield(3) core.sleep(0.005) "
                         "return 4 end) return gen() * 10 + gen()")
                     .c_str()));
  b.run(60);
  cr_assert(b.ended.size() == 1);
  cr_expect(b.ended[0].outcome == Outcome::done && b.ended[0].result == 34, "%s", b.ended[0].problem.c_str());
}

Test(lua_call, errors_have_their_place_and_trace) {
  Bench b;
  std::string head = kSleep;
  b.start(b.code((head + "\ncore.sleep(0.001)\nlocal t = nil\nreturn t.x").c_str()));
  b.run(30);
  cr_assert(b.ended.size() == 1);
  cr_expect(b.ended[0].outcome == Outcome::failed);
  cr_expect(b.ended[0].problem.starts_with("test:4: "), "%s", b.ended[0].problem.c_str());
  cr_expect(b.ended[0].trace.find("in main chunk") != std::string::npos, "%s", b.ended[0].trace.c_str());
}

Test(lua_call, kept_values_go_with_their_transaction) {
  Bench b;
  std::string head = kSleep;
  std::string keep = head + "local k = core.keep(require('ffi').C.weir_lua_id()) k.n = (k.n or 0) + 1 return k.n";
  uint32_t count = b.code((head + "local n = 0 for _ in pairs(core.kept) do n = n + 1 end return n").c_str());
  Transaction* one = b.start(b.code(keep.c_str()));
  b.at(5, [&] {
    one->finish();
    std::erase(b.started, one);
    b.at(10, [&] { b.start(count); });
  });
  b.run(100);
  cr_assert(b.ended.size() == 2);
  cr_expect(b.ended[0].result == 1);
  cr_expect(b.ended[1].result == 0, "nothing is left");
}

Test(lua_call, run_at_once) {
  Bench b;
  auto* txn = Slab<Transaction>::local().make(b.shard, b.listener, nullptr);
  std::string problem;
  lua::State* state = lua::attach(b.shard, problem);
  Call call{*state, txn, nullptr, 1};
  uint32_t add = b.code("local x, y = ... return x + y");
  cr_assert(lua::run_now(call, add, 1, [](lua_State* l) {
    lua_pushinteger(l, 2);
    lua_pushinteger(l, 3);
    return 2;
  }));
  cr_expect(lua_tointeger(state->main(), -1) == 5);
  lua_settop(state->main(), 0);
  uint32_t wrong = b.code("error('no')");
  cr_expect(!lua::run_now(call, wrong, 1, [](lua_State*) { return 0; }));
  cr_expect(call.problem == "test:1: no");
  cr_expect(call.trace.find("test:1:") != Str::npos);
  cr_expect(lua_gettop(state->main()) == 0, "nothing is left on the stack");
  uint32_t waits = b.code("return require('weir.core').sleep(1) and 1 or 0");
  cr_assert(lua::run_now(call, waits, 1, [](lua_State*) { return 0; }));
  cr_expect(lua_tointeger(state->main(), -1) == 0, "it must not wait");
  lua_settop(state->main(), 0);
  b.started.push_back(txn);
  b.run(1);
}
