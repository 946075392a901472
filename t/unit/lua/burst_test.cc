// When a script has run for too long: what the watcher sees, whom its order meets, and that scripts heed it, whatever they do.
#include "lua/burst.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "lua/state.h"

using namespace weir;
using lua::Burst;
using Sight = lua::Burst::Sight;

namespace {

constexpr uint32_t kLimit = 100, kLook = 25;

bool stops(const Burst& burst) {
  return *static_cast<const int32_t*>(burst.word()) < 0;
}

const std::string kScript = "script";

// A state whose scripts are stopped at once, if they are watched.
struct Bench {
  lua::Program program;
  lua::State& state = program.first();
  std::atomic<bool> over{false};

  std::string run(const std::string& code, bool watched = true) {
    lua_State* l = state.main();
    std::string problem;
    uint32_t f = program.add_function({lua::Function::Kind::code, "=test", code});
    if (!state.push(l, f, problem)) return "cannot push: " + problem;
    state.burst.enter(state.pushed());
    over = false;
    std::thread watcher([&] {
      while (watched && !over) state.burst.look({kLook, kLook}, kLimit);
    });
    int status = lua_pcall(l, 0, 1, 0);
    over = true;
    watcher.join();
    state.burst.leave();
    std::string text = lua_isstring(l, -1) ? lua_tostring(l, -1) : "no text";
    lua_pop(l, 1);
    return (status ? "failed: " : "ended: ") + text;
  }
};

constexpr const char* kWhy = "burst timeout: it has run for 100 ms without a wait";

void expect_end(const char* code, int line = 1) {
  Bench b;
  std::string text = b.run(code);
  cr_expect(text == "failed: test:" + std::to_string(line) + ": " + kWhy, "%s: %s", code, text.c_str());
}

}  // namespace

Test(burst, a_run_is_stopped_after_the_limit) {
  Burst burst;
  cr_expect(burst.look({kLook, kLook}, kLimit) == Sight::well);
  burst.enter(&kScript);
  for (int i = 0; i < 4; i++) cr_expect(burst.look({kLook, kLook}, kLimit) == Sight::well, "look %d", i);
  cr_expect(!stops(burst));
  cr_expect(burst.look({kLook, kLook}, kLimit) == Sight::stopped);
  cr_expect(stops(burst));
  cr_expect(burst.script() == kScript);
  burst.leave();
  cr_expect(!stops(burst), "the order ends with the run");
  burst.enter(&kScript);
  cr_expect(burst.look({kLook, kLook}, kLimit) == Sight::well && !stops(burst));
}

Test(burst, short_runs_are_never_stopped) {
  Burst burst;
  for (int i = 0; i < 100; i++) {
    burst.enter(&kScript);
    cr_expect(burst.look({kLook, kLook}, kLimit) == Sight::well);
    burst.leave();
  }
  for (int i = 0; i < 100; i++) cr_expect(burst.look({kLook, kLook}, kLimit) == Sight::well, "nothing runs");
}

Test(burst, one_that_goes_on_is_told_once) {
  Burst burst;
  burst.enter(&kScript);
  int stopped = 0, held = 0;
  for (int i = 0; i < 40; i++) {
    Sight sight = burst.look({kLook, kLook}, kLimit);
    stopped += sight == Sight::stopped;
    held += sight == Sight::held;
    cr_expect(held == (i >= 8), "look %d", i);
  }
  cr_expect(stopped == 1);
}

Test(burst, loops_end) {
  expect_end("local x = 0\nwhile true do\nx = x + 1\nend", 2);
  expect_end("repeat until false");
  expect_end("for i = 1, math.huge do end");
  expect_end("for _ in function() return 1 end do end");
  expect_end("::again:: goto again");
  expect_end("while true do while true do end end");
}

Test(burst, recursion_ends) {
  expect_end("local function f(n) return f(n + 1) end f(1)");
  expect_end("local a, b function a() return b() end function b() return a() end a()");
  expect_end("local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end fib(100)");
}

Test(burst, an_error_that_is_caught_comes_again) {
  expect_end("while true do pcall(function() while true do end end) end");
  expect_end("local function f() pcall(f) return f() end f()");
  Bench b;
  std::string text = b.run("local ok, why = pcall(function() while true do end end) return why");
  cr_expect(text == std::string("ended: test:1: ") + kWhy, "%s", text.c_str());
}

Test(burst, coroutines_end) {
  Bench b;
  std::string text = b.run("return coroutine.resume(coroutine.create(function() while true do end end))");
  cr_expect(text == "ended: no text", "%s", text.c_str());
  text = b.run("return select(2, coroutine.resume(coroutine.create(function() while true do end end)))");
  cr_expect(text == std::string("ended: test:1: ") + kWhy, "%s", text.c_str());
}

// What hands out the pieces may be told to stop itself.
constexpr const char* kPieces =
    "local n = 0 local f, why = load(function() n = n + 1 return ({ 'while true ', 'do end' })[n] end) "
    "if not f then error(why, 0) end f()";

Test(burst, what_scripts_compile_ends) {
  char folder[] = "/tmp/weir-unit-XXXXXX";
  cr_assert(mkdtemp(folder) && chdir(folder) == 0);
  std::ofstream("endless.lua") << "while true do end";
  std::ofstream("broken.lua") << "\nx =";
  std::string why = std::string(":1: ") + kWhy;
  Bench b;
  for (const char* code :
       {"loadstring('while true do end')()", "load('while true do end', 'x', 't', {})()", kPieces,
        "loadfile('endless.lua')()", "dofile('endless.lua')", "package.path = './?.lua' require 'endless'",
        "setfenv(1, {}) while true do end", "load(string.dump(function() while true do end end))()",
        "local buffer = require 'string.buffer' load(buffer.new():put('while true do end'))()"}) {
    std::string text = b.run(code);
    cr_expect(text.starts_with("failed: ") && text.ends_with(why), "%s: %s", code, text.c_str());
  }
  std::string text = b.run("package.path = './?.lua' require 'broken'");
  cr_expect(text ==
                "failed: error loading module 'broken' from file './broken.lua':\n\t./broken.lua:2: unexpected symbol "
                "near '<eof>'",
            "%s", text.c_str());
  unlink("broken.lua");
  unlink("endless.lua");
  rmdir(folder);
}

Test(burst, functions_that_compile_are_what_they_were) {
  Bench b;
  auto gives = [&](const char* code, const std::string& wanted) {
    std::string text = b.run(code, false);
    cr_expect(text == "ended: " + wanted, "%s: %s", code, text.c_str());
  };
  gives("return load('return x', 'n', 't', { x = 'own' })()", "own");
  gives("return select(2, load('x ='))", "[string \"x =\"]:1: unexpected symbol near '<eof>'");
  gives("return select(2, load('while = do', '=name'))", "name:1: unexpected symbol near '='");
  gives("return select(2, load(function() error('in it', 0) end))", "in it");
  gives("return select(2, load(function() return {} end))", "reader function must return a string");
  gives("return load(string.dump(function() return 'dumped' end))()", "dumped");
  gives("return select(2, load(string.dump(function() end), 'x', 't'))", "attempt to load chunk with wrong mode");
  gives("return select(2, loadfile('/does/not/exist'))", "cannot open /does/not/exist: No such file or directory");
  gives("return (select(2, pcall(dofile, '/does/not/exist')))",
        "cannot open /does/not/exist: No such file or directory");
  gives("return (select(2, pcall(require, 'not.there')):match('^module .not.there. not found:'))",
        "module 'not.there' not found:");
}
