// HAProxy's sections in weir.conf: config/brace_section.cc.
#include <criterion/criterion.h>

#include "lexed.h"

using namespace weir;
using namespace weir::config;

// Reads `text`, which has nothing wrong with it, and compares its shape.
static void expect_weir(const std::string& text, const std::string& want) {
  Lexed l;
  brace(l, text, Dialect::weir);
  cr_expect(l.shape() == want, "%s: got %s", text.c_str(), l.shape().c_str());
  cr_expect(l.diag.all().empty(), "%s: %s", text.c_str(), l.first().text.c_str());
}

Test(brace_section, both_vocabularies) {
  Lexed l;
  brace(l, "workers auto; frontend web { bind *:80; } server { listen 81; }", Dialect::weir);
  cr_expect(l.shape() == "workers|auto;frontend|web{bind|*:80;};server{listen|81;};", "%s", l.shape().c_str());
  cr_expect(l.tree.root.block[0].dialect == Dialect::nginx);
  cr_expect(l.tree.root.block[1].dialect == Dialect::haproxy);
  cr_expect(l.tree.root.block[1].block[0].dialect == Dialect::haproxy);
  cr_expect(l.tree.root.block[2].dialect == Dialect::nginx);
}

Test(brace_section, word_rules_differ_by_block) {
  expect_weir(R"(defaults { a "x\$y" b\ c "p"'q'; } server { a "x\$y"; })",
              R"(defaults{a|"x$y"|b c|<pq>;};server{a|"x\$y";};)");
}

Test(brace_section, semicolons_in_quotes_and_acls) {
  expect_weir("backend b { a \"x;y\" 'z;'; use-server s if { path a;b } !{ src 1.2.3.4 }; c; }",
              "backend|b{a|\"x;y\"|'z;';use-server|s|if|{|path|a;b|}|!{|src|1.2.3.4|};c;};");
}

Test(brace_section, braces_inside_words) {
  expect_weir("frontend f { log-format %{+Q}o\\ %t; x a}b; }", "frontend|f{log-format|%{+Q}o %t;x|a}b;};");
}

Test(brace_section, statements_run_over_lines_and_comments) {
  expect_weir("frontend f {\n bind :80 # one; }\n   ssl\n;\n}\n", "frontend|f{bind|:80|ssl;};");
}

Test(brace_section, header_forms) {
  expect_weir("frontend web from base{a;}", "frontend|web|from|base{a;};");
  expect_weir("defaults\n{\n}", "defaults{};");
  expect_weir("# c\nlisten s # x\n{ a; }", "listen|s{a;};");
}

Test(brace_section, prefixes) {
  expect_weir("defaults { no option httplog; default log global; }", "defaults{!option|httplog;~log|global;};");
}

Test(brace_section, environment_and_pseudo_variables) {
  expect_weir("global { setenv PORT 81; }\nfrontend f { bind \":${PORT}\"; a \"${.SECTION}:${.LINE}\"; }",
              "global{setenv|PORT|81;};frontend|f{bind|\":81\";a|\"f:2\";};");
}

Test(brace_section, lua_blocks) {
  expect_weir("frontend f { access_by_lua_block { a = '}' } b; }", "frontend|f{access_by_lua_block|[ a = '}' ];b;};");
}

Test(brace_section, only_at_the_top) {
  expect_weir("http { server { listen 80 \"a\\nb\"; } }", "http{server{listen|80|\"a\nb\";};};");
}

Test(brace_section, missing_semicolon) {
  Lexed l;
  brace(l, "backend b {\n server s 1.2.3.4\n}\nx;", Dialect::weir);
  cr_expect(l.errors() == 1 && l.first().text == "unexpected \"}\"" && l.first().where.line == 3);
  cr_expect(l.first().remedy == "end \"server\" with ; on line 2", "%s", l.first().remedy.c_str());
  cr_expect(l.shape() == "backend|b{server|s|1.2.3.4;};x;", "%s", l.shape().c_str());
}

Test(brace_section, section_without_block) {
  Lexed l;
  brace(l, "frontend f; x;", Dialect::weir);
  cr_expect(l.errors() == 1 && l.first().text == "the section \"frontend\" has no block");
  cr_expect(l.shape() == "x;");
}

Test(brace_section, end_of_file) {
  Lexed l;
  brace(l, "frontend f {\n bind :80;\n", Dialect::weir);
  cr_expect(l.errors() == 1 && l.first().product == "unexpected end of file, expecting \"}\"");
  cr_expect(l.first().remedy == "\"frontend\" opened at t.conf:1:1 has no }", "%s", l.first().remedy.c_str());
}

Test(brace_section, unclosed_acl_is_named) {
  for (const char* text :
       {"frontend f {\n use_backend b if { path /a;\n x;\n}\n", "frontend f {\n use_backend b if { path /a"}) {
    Lexed l;
    brace(l, text, Dialect::weir);
    cr_expect(l.first().text == "the anonymous ACL that opens here is not closed");
    cr_expect(l.first().where.line == 2 && l.first().where.column == 19);
  }
  Lexed l;
  brace(l, "frontend f {\n use_backend b if { path /a;\n x;\n}\n", Dialect::weir);
  cr_expect(l.errors() == 1 && l.shape() == "frontend|f{use_backend|b|if|{|path|/a;x;};", "%s", l.shape().c_str());
}

Test(brace_section, reading_goes_on_after_a_broken_line) {
  Lexed l;
  brace(l, "frontend f {\n a \"b;\n c;\n ; d; }", Dialect::weir);
  cr_expect(l.errors() == 2 && l.first().product == "unmatched quote at position 4:", "%s", l.first().product.c_str());
  cr_expect(l.shape() == "frontend|f{c;d;};", "%s", l.shape().c_str());
}

Test(brace_section, empty_words_are_refused) {
  Lexed l;
  brace(l, "frontend f { a \"\"; b; }", Dialect::weir);
  cr_expect(l.errors() == 1 && l.shape() == "frontend|f{b;};", "%s", l.shape().c_str());
}
