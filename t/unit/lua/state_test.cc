// Programs and states: starts, functions, what scripts register, coroutines that are kept.
#include "lua/state.h"

#include <criterion/criterion.h>

using namespace weir;
using lua::Function;
using lua::Program;
using lua::State;

static std::string call(State& state, uint32_t function) {
  std::string problem;
  lua_State* l = state.main();
  if (!state.push(l, function, problem)) return "cannot push: " + problem;
  lua_call(l, 0, 1);
  std::string text = lua_isstring(l, -1) ? lua_tostring(l, -1) : "nothing";
  lua_pop(l, 1);
  return text;
}

Test(lua_state, code_is_compiled_once) {
  Program program;
  uint32_t f = program.add_function({Function::Kind::code, "=f", "n = (n or 0) + 1; return 'run ' .. n"});
  State& state = program.first();
  cr_expect(call(state, f) == "run 1");
  cr_expect(call(state, f) == "run 2");
  std::string problem;
  cr_assert(state.push(state.main(), f, problem) && state.push(state.main(), f, problem));
  cr_expect(lua_rawequal(state.main(), -1, -2), "the same function");
  lua_settop(state.main(), 0);
}

Test(lua_state, problems_have_names) {
  Program program;
  uint32_t wrong = program.add_function({Function::Kind::code, "=access_by_lua(nginx.conf:3)", "local = 1"});
  std::string text = call(program.first(), wrong);
  cr_expect(text.find("access_by_lua(nginx.conf:3):1:") != std::string::npos, "%s", text.c_str());
  uint32_t missing = program.add_function({Function::Kind::file, "/does/not/exist.lua", {}});
  text = call(program.first(), missing);
  cr_expect(text.find("/does/not/exist.lua: No such file") != std::string::npos, "%s", text.c_str());
  uint32_t unknown = program.add_function({Function::Kind::registered, "action/http-req/x", {}});
  cr_expect(call(program.first(), unknown).find("no script registered action/http-req/x") != std::string::npos);
  std::string problem = program.add_start({"@a.lua", "error('oops')", {}});
  cr_expect(problem == "a.lua:1: oops", "%s", problem.c_str());
}

Test(lua_state, starts_run_in_every_state_with_their_arguments) {
  Program program;
  cr_assert(program.add_start({"=s", "a, b = ...", {"one", "two"}}).empty());
  uint32_t f = program.add_function({Function::Kind::code, "=f", "return a .. b"});
  cr_assert(program.prepare(3).empty());
  cr_assert(program.add_start({"=s", "b = 'late'", {}}).empty());
  for (int i = 0; i < 4; i++) {
    std::string problem;
    State* state = program.take(problem);
    cr_assert(state, "%s", problem.c_str());
    cr_expect(call(*state, f) == "onelate", "state %d", i);
  }
}

Test(lua_state, the_same_function_has_one_number) {
  Program program;
  uint32_t a = program.add_function({Function::Kind::file, "/a.lua", {}});
  cr_expect(program.add_function({Function::Kind::file, "/a.lua", {}}) == a);
  cr_expect(program.add_function({Function::Kind::file, "/b.lua", {}}) != a);
  uint32_t code = program.add_function({Function::Kind::code, "=x", "return 1"});
  cr_expect(program.add_function({Function::Kind::code, "=x", "return 1"}) != code, "code is never shared");
}

Test(lua_state, libraries_share_tables) {
  Program program;
  std::string problem = program.add_library("core");
  cr_assert(problem.empty(), "%s", problem.c_str());
  cr_assert(program.add_library("core").empty(), "once is enough");
  problem = program.add_start({"=s", "require('weir.core').registered['fetch/a'] = function() return 'here' end", {}});
  cr_assert(problem.empty(), "%s", problem.c_str());
  State& state = program.first();
  cr_expect(state.push_registered("fetch/a"));
  lua_pop(state.main(), 1);
  cr_expect(!state.push_registered("fetch/b"));
  cr_expect(state.registered_names("fetch/") == std::vector<std::string>{"a"});
  cr_expect(call(state, program.add_function({Function::Kind::registered, "fetch/a", {}})) == "here");
}

Test(lua_state, a_missing_library_says_where_it_looked) {
  Program program;
  std::string problem = program.add_library("nothing");
  cr_expect(problem.find("nothing.lua is not there; looked for /") != std::string::npos, "%s", problem.c_str());
}

Test(lua_state, coroutines_are_used_again) {
  Program program;
  State& state = program.first();
  lua::Coroutine a = state.take();
  lua_State* kept = a.lua;
  state.give(a);
  cr_expect(state.take().lua == kept);
  cr_expect(state.take().lua != kept);
}

Test(lua_state, programs_are_found_by_their_model) {
  model::Model one, two;
  cr_expect(Program::find(one) == nullptr);
  Program& program = Program::of(one);
  cr_expect(&Program::of(one) == &program && Program::find(one) == &program);
  cr_expect(Program::find(two) == nullptr);
}
