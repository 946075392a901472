// Where the pass over Lua source puts its checks, and that what it makes still is what was written.
#include "lua/loop_guard.h"

#include <criterion/criterion.h>

#include <lua.hpp>

using namespace weir;

namespace {

// The guarded text with each check as `!` and each one in front of a goto as `@`; "as it was" when nothing was put in.
std::string marked(Str code) {
  std::string out;
  if (!lua::guard_loops(code, out)) return "as it was";
  for (auto [check, mark] : {std::pair{"do (0i)() end ", "@"}, {"(0i)();", "!"}})
    for (size_t at; (at = out.find(check)) != std::string::npos;) out.replace(at, strlen(check), mark);
  return out;
}

void expect(Str code, Str wanted) {
  std::string got = marked(code);
  cr_expect(got == wanted, "%s\n  became %s\n  not    %s", std::string(code).c_str(), got.c_str(),
            std::string(wanted).c_str());
}

std::string compile(Str code) {
  lua_State* l = luaL_newstate();
  std::string problem = luaL_loadbuffer(l, code.data(), code.size(), "=x") == 0 ? "" : lua_tostring(l, -1);
  lua_close(l);
  return problem;
}

}  // namespace

Test(loop_guard, bodies_of_loops_and_functions) {
  expect("while x do y() end", "while x do! y() end");
  expect("for i = 1, 2 do end for k in pairs(t) do end", "for i = 1, 2 do! end for k in pairs(t) do! end");
  expect("repeat until false", "repeat! until false");
  expect("local function f(a, ...) return f(...) end", "local function f(a, ...)! return f(...) end");
  expect("function a.b:c() end x = function() end", "function a.b:c()! end x = function()! end");
}

Test(loop_guard, what_is_run_once_stays_as_it_is) {
  expect("do local x = 1 end if x then y() end", "as it was");
  expect("", "as it was");
  expect("while x do do y() end end do z() end", "while x do! do y() end end do z() end");
}

Test(loop_guard, a_function_in_the_head_of_a_loop) {
  expect("while (function() do x() end return true end)() do y() end",
         "while (function()! do x() end return true end)() do! y() end");
  expect("for x in (function() for y in z do end end)() do end",
         "for x in (function()! for y in z do! end end)() do! end");
}

Test(loop_guard, jumps) {
  expect("::a:: goto a", "::a:: @goto a");
  expect("x = f goto a ::a::", "x = f @goto a ::a::");
  expect("if x then goto a else goto b end", "if x then @goto a else @goto b end");
  expect("f{} goto a", "f{} @goto a");
  expect("::a:: ::b::goto a", "::a:: ::b::@goto a");
}

Test(loop_guard, goto_is_a_name_elsewhere) {
  expect("local goto = 1 goto = 2 t.goto = goto f(goto)", "as it was");
  expect("x = goto y = 3", "as it was");
  expect("t.goto y = 3 t:goto()", "as it was");
  expect("for goto = 1, 2 do end", "for goto = 1, 2 do! end");
  expect("function goto() end", "function goto()! end");
}

Test(loop_guard, a_jump_to_the_end_of_a_block_passes_over_locals) {
  std::string out;
  cr_assert(lua::guard_loops("for i = 1, 3 do if i == 2 then goto next end local x = i ::next:: end", out));
  cr_expect(compile(out).empty(), "%s", compile(out).c_str());
}

Test(loop_guard, texts_and_comments_are_no_code) {
  for (Str text : {R"("while x do")",
                   R"('while x do')",
                   R"("\" while x do")",
                   R"('\\')",
                   "\"\\\n while x do\"",
                   "\"\\z  \n while x do\"",
                   "\"\\\r\n while x do\"",
                   "[[while x do]]",
                   "[==[while ]] x ]=] do]==]",
                   "1 --[[while x do]]",
                   "1 --[=[\n while ]] do]=]",
                   "1 -- while x do\n",
                   "1 --[ while x do\n",
                   "1 --[==while x do\n",
                   "t[t[1]]",
                   "0x1p-2",
                   "1e+2",
                   ".5",
                   "0xffULL",
                   "\"\xc3\xa9\""})
    expect("x = " + std::string(text) + " repeat until x", "x = " + std::string(text) + " repeat! until x");
}

Test(loop_guard, names_that_look_alike) {
  expect("whilex.dodo, redo = _do, do_", "as it was");
  expect("\xc3\xa9while = do\xc3\xa9", "as it was");
  expect("x = 1while y do end", "as it was");  // no number, as the compiler says
}

Test(loop_guard, heads_of_files) {
  expect("#!/usr/bin/lua while x do\nrepeat until x", "#!/usr/bin/lua while x do\nrepeat! until x");
  expect("\xef\xbb\xbf#x\nrepeat until x", "\xef\xbb\xbf#x\nrepeat! until x");
  expect("\x1bLJ\x02repeat until x", "as it was");
}

Test(loop_guard, what_is_no_lua_is_left_to_the_compiler) {
  for (Str text : {"repeat x = \"", "repeat x = 'a\n'", "repeat --[[", "repeat [==[ ]=]", "repeat x = \"\\"})
    expect(text, "as it was");
  expect("end end until do", "as it was");
  expect("while x do end end", "while x do! end end");
}

Test(loop_guard, lines_and_limits_stay) {
  std::string many = "function f(";
  for (int i = 0; i < 60; i++) many += "a" + std::to_string(i) + ",";
  many += "...) ";
  for (int i = 0; i < 139; i++) many += "local b" + std::to_string(i) + " = ... ";
  many += "while true do end return function() return ";
  for (int i = 0; i < 60; i++) many += "a" + std::to_string(i) + (i < 59 ? "+" : "");
  many += " end end";
  cr_assert(compile(many).empty(), "%s", compile(many).c_str());
  std::string out;
  cr_assert(lua::guard_loops(many, out));
  cr_expect(compile(out).empty(), "%s", compile(out).c_str());
  cr_assert(lua::guard_loops("while x\ndo\n\n= end", out));
  cr_expect(compile(out) == compile("while x\ndo\n\n= end"), "%s", compile(out).c_str());
}
