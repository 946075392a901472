// Bodies of *_by_lua_block: config/lua_block.cc.
#include <criterion/criterion.h>

#include "lexed.h"

using namespace weir;
using namespace weir::config;

static void expect_body(const std::string& body) {
  Lexed l;
  brace(l, "location / { content_by_lua_block {" + body + "} gzip on; }\nx;");
  cr_assert(l.diag.all().empty(), "%s: %s", body.c_str(), l.first().text.c_str());
  cr_assert(l.tree.root.block.size() == 2, "%s", body.c_str());
  const std::vector<Directive>& inner = l.tree.root.block[0].block;
  cr_assert(inner.size() == 2 && inner[0].words.size() == 2, "%s", body.c_str());
  cr_expect(inner[0].words[1].quote == Quote::lua && inner[0].words[1].text == Str(body), "%s", body.c_str());
  cr_expect(!inner[0].has_block);
}

Test(lua_block, braces_balance) {
  expect_body(" local t = { { 1 }, {} } ");
}
Test(lua_block, strings_hide_braces) {
  expect_body(" a = \"{\" .. '}}' .. \"\\\"}\" ");
}
Test(lua_block, long_brackets_hide_braces) {
  expect_body(" a = [[ } ]] .. [==[ ]] } ]=] ]==] ");
}
Test(lua_block, comments_hide_braces) {
  expect_body(" -- don't } \n --[[ } \n ]] x() --[=[ } ]=] ");
}
Test(lua_block, index_brackets_are_none) {
  expect_body(" t[a[1]] = b[ [[x]] ] ");
}
Test(lua_block, escapes_stay_as_they_are) {
  expect_body(" ngx.say(\"a\\tb\\\\\") # ; ");
}
Test(lua_block, broken_string_ends_at_its_line) {
  expect_body(" a = 'oops\n b = {} ");
}
Test(lua_block, empty) {
  expect_body("");
}

Test(lua_block, arguments_come_first) {
  Lexed l;
  brace(l, "set_by_lua_block $res { return 1 }");
  cr_expect(l.shape() == "set_by_lua_block|$res|[ return 1 ];", "%s", l.shape().c_str());
}

Test(lua_block, lines_go_on_behind_it) {
  Lexed l;
  brace(l, "init_by_lua_block {\n\n}\nx;");
  cr_expect(l.tree.root.block[0].words[1].where.line == 1 && l.tree.root.block[0].words[1].where.column == 20);
  cr_expect(l.tree.root.block[1].where.line == 4);
}

Test(lua_block, plain_by_lua_is_an_ordinary_word) {
  Lexed l;
  brace(l, "content_by_lua 'ngx.say(\"{\")';");
  cr_expect(l.shape() == "content_by_lua|'ngx.say(\"{\")';");
}

Test(lua_block, unclosed) {
  Lexed l;
  brace(l, "http {\ninit_by_lua_block {\n if x then {\n");
  cr_expect(l.errors() == 1 && l.first().where.line == 2 && l.first().where.column == 19, "%u:%u", l.first().where.line,
            l.first().where.column);
  cr_expect(l.first().product == "unexpected end of file, expecting terminating characters for lua code block");
}

Test(lua_block, unclosed_long_bracket) {
  Lexed l;
  brace(l, "init_by_lua_block {\n a = [=[ ]]\n}");
  cr_expect(l.errors() == 1 && l.first().where.line == 2 && l.first().where.column == 6);
  cr_expect(l.first().product == "Lua code block missing the closing long bracket \"]=]\"");
}
