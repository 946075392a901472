// nginx's words and blocks: config/brace_lexer.cc.
#include <criterion/criterion.h>

#include "lexed.h"

using namespace weir;
using namespace weir::config;

// Reads `text`, which has nothing wrong with it, and compares its shape.
static void expect_shape(const std::string& text, const std::string& want) {
  Lexed l;
  brace(l, text);
  cr_expect(l.shape() == want, "%s: got %s", text.c_str(), l.shape().c_str());
  cr_expect(l.diag.all().empty(), "%s: %s", text.c_str(), l.first().text.c_str());
}

Test(brace_lexer, words_and_blocks) {
  expect_shape("user www;\nhttp { server { listen 80; } }\n", "user|www;http{server{listen|80;};};");
  expect_shape("a{b c;d e;}", "a{b|c;d|e;};");
  expect_shape("a\tb\r\nc\n;", "a|b|c;");
  expect_shape("", "");
  expect_shape(" \n\t# only a comment", "");
}

Test(brace_lexer, crlf_and_no_final_newline) {
  expect_shape("a b;\r\nc d;\r\n", "a|b;c|d;");
  expect_shape("a b;", "a|b;");
  expect_shape("a { }", "a{};");
}

Test(brace_lexer, quotes) {
  expect_shape("a \"b c\" 'd;{}#e';", "a|\"b c\"|'d;{}#e';");
  expect_shape("a '';", "a|'';");
  expect_shape("a \"it's\" 'say \"x\"';", "a|\"it's\"|'say \"x\"';");
  expect_shape("a b\"c\"d;", "a|b\"c\"d;");
  expect_shape("a 'one\ntwo\n  three';", "a|'one\ntwo\n  three';");
}

Test(brace_lexer, escapes) {
  expect_shape(R"(a "\"" '\'' \\ "\t\r\n";)", "a|\"\"\"|'''|\\|\"\t\r\n\";");
  expect_shape(R"(a \d+\.php$ "\d\$";)", R"(a|\d+\.php$|"\d\$";)");
  expect_shape(R"(a b\ c\;d\{e;)", R"(a|b\ c\;d\{e;)");
  expect_shape(R"(a \"b;)", R"(a|"b;)");
}

Test(brace_lexer, variables_keep_their_braces) {
  expect_shape("a ${b}c x${d} $e;", "a|${b}c|x${d}|$e;");
  expect_shape("set $a{ }", "set|$a{};");
  expect_shape("a ${{b};", "a|${{b};");
  expect_shape("set $a {}", "set|$a{};");
}

Test(brace_lexer, comments_start_at_words_only) {
  expect_shape("a b#c #d;\n e; # f\n", "a|b#c|e;");
  expect_shape("a # \"unclosed { ;\n b;", "a|b;");
}

Test(brace_lexer, closing_brace_inside_a_word_belongs_to_it) {
  expect_shape("a b}c;", "a|b}c;");
}

Test(brace_lexer, parenthesis_may_follow_a_quote) {
  expect_shape("if ($a = \"b\") { c; }", "if|($a|=|\"b\"|){c;};");
}

Test(brace_lexer, long_words) {
  std::string word(100000, 'x');
  expect_shape("a " + word + " '" + word + "'; # " + word + "\nb;", "a|" + word + "|'" + word + "';b;");
}

Test(brace_lexer, places) {
  Lexed l;
  brace(l, "a {\n  bcd  \"e f\" 'g';\n}\n");
  const Directive& d = l.tree.root.block[0].block[0];
  cr_expect(d.where.line == 2 && d.where.column == 3 && d.where.length == 3);
  cr_expect(d.arg(0).where.column == 8 && d.arg(0).where.length == 5);
  cr_expect(d.arg(1).where.column == 14 && d.arg(1).where.length == 3);
  cr_expect(d.where.source->path == "t.conf");
}

Test(brace_lexer, places_after_a_word_of_several_lines) {
  Lexed l;
  brace(l, "a 'x\ny' b;\nc;");
  cr_expect(l.tree.root.block[0].arg(1).where.line == 2);
  cr_expect(l.tree.root.block[0].arg(1).where.column == 4);
  cr_expect(l.tree.root.block[1].where.line == 3);
}

Test(brace_lexer, root_has_an_empty_name) {
  Lexed l;
  brace(l, "a;");
  cr_expect(l.tree.root.words.size() == 1 && l.tree.root.name().empty() && l.tree.root.has_block);
}

Test(brace_lexer, missing_semicolon_before_brace) {
  Lexed l;
  brace(l, "server {\n  root /a\n}\nx;");
  cr_expect(l.errors() == 1 && l.first().product == "unexpected \"}\"");
  cr_expect(l.first().where.line == 3 && l.first().where.column == 1);
  cr_expect(l.first().remedy == "end \"root\" with ; on line 2", "%s", l.first().remedy.c_str());
  cr_expect(l.shape() == "server{root|/a;};x;", "reading goes on: %s", l.shape().c_str());
}

Test(brace_lexer, brace_without_block) {
  Lexed l;
  brace(l, "a;\n } b;");
  cr_expect(l.errors() == 1 && l.first().text == "unexpected \"}\"");
  cr_expect(l.first().where.line == 2 && l.first().where.column == 2);
  cr_expect(l.shape() == "a;b;");
}

Test(brace_lexer, lone_semicolon_and_nameless_block) {
  Lexed l;
  brace(l, "a { b; }; { c; } d;");
  cr_expect(l.errors() == 2);
  cr_expect(l.diag.all()[0].product == "unexpected \";\"");
  cr_expect(l.diag.all()[1].product == "unexpected \"{\"");
  cr_expect(l.shape() == "a{b;};d;", "%s", l.shape().c_str());
}

Test(brace_lexer, unexpected_after_quote) {
  Lexed l;
  brace(l, "a 'b'c; d \"e\"};");
  cr_expect(l.first().product == "unexpected \"c\"" && l.first().where.column == 6);
  cr_expect(l.errors() == 3, "%zu", l.errors());  // c, }, and the ; that is left over
  cr_expect(l.diag.all()[1].product == "unexpected \"}\"");
}

Test(brace_lexer, comment_directly_after_quote_is_unexpected) {
  Lexed l;
  brace(l, "a 'b'#c\n; d;");
  cr_expect(l.errors() == 1 && l.first().product == "unexpected \"#\"");
  cr_expect(l.shape() == "a|'b';d;", "%s", l.shape().c_str());
}

Test(brace_lexer, end_of_file_in_a_block_names_what_is_open) {
  Lexed l;
  brace(l, "http {\n  server {\n    listen 80;\n");
  cr_expect(l.errors() == 1, "once, not for each block");
  cr_expect(l.first().product == "unexpected end of file, expecting \"}\"");
  cr_expect(l.first().where.line == 4);
  cr_expect(l.first().remedy == "\"http\" opened at t.conf:1:1 has no }, \"server\" opened at t.conf:2:3 has no }",
            "%s", l.first().remedy.c_str());
  cr_expect(l.shape() == "http{server{listen|80;};};");
}

Test(brace_lexer, end_of_file_in_a_directive) {
  Lexed l;
  brace(l, "a {\n b c");
  cr_expect(l.errors() == 1);
  cr_expect(l.first().product == "unexpected end of file, expecting \";\" or \"}\"");
  cr_expect(l.first().remedy.find("\"b\" at t.conf:2:2 has no ;") == 0, "%s", l.first().remedy.c_str());
}

Test(brace_lexer, unclosed_quote_points_at_its_start) {
  Lexed l;
  brace(l, "a b;\nc \"d;\ne f;\n");
  cr_expect(l.errors() == 1 && l.first().where.line == 2 && l.first().where.column == 3);
  cr_expect(l.first().product == "unexpected end of file, expecting \";\" or \"}\"");
}

Test(brace_lexer, backslash_at_the_end) {
  Lexed l;
  brace(l, "a \\");
  cr_expect(l.errors() == 1);
}

Test(brace_lexer, byte_order_mark) {
  Lexed l;
  brace(l, "\xef\xbb\xbfuser www;");
  cr_expect(l.errors() == 1 && l.shape() == "user|www;");
}

Test(brace_lexer, nesting_has_a_limit) {
  std::string text;
  for (int i = 0; i < 100000; i++) text += "a{";
  Lexed l;
  brace(l, text);
  cr_expect(l.errors() == 1 && l.first().text.find("200 deep") != std::string::npos, "%s", l.first().text.c_str());
  std::string nameless(100000, '{');
  Lexed m;
  brace(m, nameless);
  cr_expect(m.errors() == 202, "%zu", m.errors());
}

Test(brace_lexer, command_line_has_its_own_wording) {
  Lexed l;
  read_brace_text(l.tree, l.diag, std::string(kCommandLine), "daemon off", Dialect::nginx, {});
  cr_expect(l.first().product == "unexpected end of parameter, expecting \";\"");
}

Test(brace_lexer, missing_main_file) {
  Lexed l;
  read_brace(l.tree, l.diag, "/nowhere/nginx.conf", Dialect::nginx, {});
  cr_expect(l.errors() == 1 && l.first().where.source == nullptr);
  cr_expect(l.first().product == "open() \"/nowhere/nginx.conf\" failed (2: No such file or directory)");
}

Test(brace_lexer, nginx_has_no_sections) {
  expect_shape("backend x { a \"b\"; }", "backend|x{a|\"b\";};");
}
