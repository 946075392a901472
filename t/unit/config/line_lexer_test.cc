// Lines, sections, conditional blocks and messages of haproxy.cfg: config/line_lexer.cc.
#include <criterion/criterion.h>

#include "lexed.h"

using namespace weir;
using namespace weir::config;

// Reads `text`, which has nothing wrong with it, and compares its shape.
static void expect_lines(const std::string& text, const std::string& want) {
  Lexed l;
  lines(l, text);
  cr_expect(l.shape() == want, "%s: got %s", text.c_str(), l.shape().c_str());
  cr_expect(l.diag.all().empty(), "%s: %s", text.c_str(), l.first().text.c_str());
}

// Reads `text`, which has one error, and compares the product's wording of it.
static void expect_product(const std::string& text, const std::string& want) {
  Lexed l;
  lines(l, text);
  cr_expect(l.errors() == 1, "%s: %zu errors", text.c_str(), l.errors());
  cr_expect(l.first().product == want, "%s: got %s", text.c_str(), l.first().product.c_str());
}

Test(line_lexer, sections) {
  expect_lines("global\n  daemon\n\ndefaults\n  mode http\nfrontend f\nbind :80\n",
               "global{daemon;};defaults{mode|http;};frontend|f{bind|:80;};");
  expect_lines("userlist u\n user a\npeers p\nring r\nlog-forward l\n x\n",
               "userlist|u{user|a;};peers|p{};ring|r{};log-forward|l{x;};");
  expect_lines("orphan a\nglobal\n", "orphan|a;global{};");
}

Test(line_lexer, dialect) {
  Lexed l;
  lines(l, "global\n daemon\n");
  cr_expect(l.tree.root.block[0].dialect == Dialect::haproxy);
  cr_expect(l.tree.root.block[0].block[0].dialect == Dialect::haproxy);
}

Test(line_lexer, crlf) {
  expect_lines("global\r\n  daemon\r\n\r\n", "global{daemon;};");
}

Test(line_lexer, text_behind_a_lone_cr_is_not_read) {
  Lexed l;
  lines(l, "global\n daemon\r quiet\n maxconn 1\n");
  cr_expect(l.shape() == "global{daemon;maxconn|1;};", "%s", l.shape().c_str());
  cr_expect(l.diag.count(Severity::warning) == 1 && l.first().where.line == 2);
}

Test(line_lexer, missing_final_newline) {
  Lexed l;
  lines(l, "global\n daemon");
  cr_expect(!l.diag.failed() && l.diag.count(Severity::warning) == 1);
  cr_expect(l.first().product == "Missing LF on last line, file might have been truncated at position 8.", "%s",
            l.first().product.c_str());
  cr_expect(l.shape() == "global{daemon;};");
  ReadOptions options;
  options.strict_last_line = true;
  Lexed strict;
  lines(strict, "global\n daemon", {}, options);
  cr_expect(strict.errors() == 1);
}

Test(line_lexer, prefixes) {
  expect_lines("defaults\n no option httplog\n default option dontlognull\n no log\n",
               "defaults{!option|httplog;~option|dontlognull;!log;};");
  expect_product("defaults\n no mode http\n",
                 "negation/default currently supported only for options, log, busy-polling, set-dumpable, "
                 "strict-limits, insecure-fork-wanted and numa-cpu-mapping.");
  Lexed l;
  lines(l, "defaults\n no\n mode tcp\n");
  cr_expect(l.errors() == 1 && l.shape() == "defaults{mode|tcp;};", "%s", l.shape().c_str());
}

Test(line_lexer, a_prefixed_directive_starts_at_its_own_word) {
  Lexed l;
  lines(l, "defaults\n no option x\n");
  cr_expect(l.tree.root.block[0].block[0].where.column == 5);
}

Test(line_lexer, if_else) {
  expect_lines("global\n.if 1\n a\n.else\n b\n.endif\n c\n", "global{a;c;};");
  expect_lines("global\n.if 0\n a\n.else\n b\n.endif\n c\n", "global{b;c;};");
  expect_lines("global\n.if\n a\n.endif\n", "global{};");
}

Test(line_lexer, elif_takes_the_first_true_branch) {
  expect_lines("global\n.if 0\n a\n.elif 1\n b\n.elif 1\n c\n.else\n d\n.endif\n", "global{b;};");
  expect_lines("global\n.if 1\n a\n.elif 1\n b\n.else\n d\n.endif\n", "global{a;};");
  expect_lines("global\n.if 0\n a\n.elif 0\n b\n.else\n d\n.endif\n", "global{d;};");
}

Test(line_lexer, nested_conditions) {
  expect_lines("global\n.if 0\n.if 1\n a\n.else\n b\n.endif\n.else\n.if 1\n c\n.endif\n.endif\n", "global{c;};");
}

Test(line_lexer, masked_lines_may_hold_anything_but_broken_words) {
  expect_lines("global\n.if 0\n.alert x\n.nonsense\n \"\"\n no x\nlisten l\n.endif\n a\n", "global{a;};");
  expect_product("global\n.if 0\n a \"b\n.endif\n", "unmatched quote at position 4:");
}

Test(line_lexer, sections_inside_conditions) {
  expect_lines("global\n.if 1\nlisten l\n a\n.endif\n b\n", "global{};listen|l{a;b;};");
}

Test(line_lexer, conditions_see_variables_and_join_words) {
  ReadOptions options;
  options.defines = {"MODE=x"};
  Lexed l;
  lines(l, "global\n.if streq(\"$MODE\",x) && defined(MODE)\n a\n.endif\n.if streq(\"$MODE\",  x)\n b\n.endif\n", {},
        options);
  cr_expect(l.shape() == "global{a;};", "%s", l.shape().c_str());
}

Test(line_lexer, environment_directives) {
  expect_lines("global\n setenv WA 1\n presetenv WA 2\n presetenv WB 3\n a \"$WA$WB\"\n unsetenv WA\n b \"x$WA\"\n",
               "global{setenv|WA|1;presetenv|WA|2;presetenv|WB|3;a|\"13\";unsetenv|WA;b|\"x\";};");
  expect_lines("global\n setenv WA 1\n setenv WB 2\n resetenv WB\n a \"x$WA$WB\"\n",
               "global{setenv|WA|1;setenv|WB|2;resetenv|WB;a|\"x2\";};");
  expect_lines("defaults\n setenv WA 1\nlisten l\n a \"x$WA\"\n", "defaults{setenv|WA|1;};listen|l{a|\"x\";};");
  cr_expect(getenv("WA") == nullptr, "the process environment stays as it is");
}

Test(line_lexer, broken_conditions) {
  expect_product(".if foo(1)\n.endif\n", "unparsable conditional expression 'foo(1)' in '.if' at position 1:");
  expect_product(".if 1 x\n.endif\n",
                 "unexpected character 'x' at the end of conditional expression '1 x' in '.if' at position 3:");
  expect_product(".if 0\n.elif (1\n.endif\n",
                 "expected ')' after conditional expression '(1' in '.elif' at position 1:");
}

Test(line_lexer, unbalanced_conditions) {
  expect_product(".else\n", "lone '.else' with no matching '.if'.");
  expect_product(".elif 1\n", "lone '.elif' with no matching '.if'.");
  expect_product(".endif\n", "lone '.endif' with no matching '.if'.");
  expect_product(".if 1\n", "non-terminated '.if' block.");
  expect_product(".if 1\n.else\n.else\n.endif\n", "'.else' after '.else' is not permitted.");
  expect_product(".if 1\n.else\n.elif 1\n.endif\n", "'.elif' after '.else' is not permitted.");
  expect_product(".if 1\n.endif x\n.endif\n", "Unexpected argument 'x' for '.endif'.");
}

Test(line_lexer, too_many_nested_conditions) {
  std::string text;
  for (int i = 0; i < 200; i++) text += ".if 1\n";
  expect_product(text, "too many nested '.if', max is 100.");
}

Test(line_lexer, messages) {
  Lexed l;
  lines(l, ".notice \"n 1\"\n.warning w\n.alert \"a\"\n.diag d\nglobal\n");
  cr_assert(l.diag.all().size() == 3);
  cr_expect(l.diag.all()[0].severity == Severity::note && l.diag.all()[0].text == "n 1");
  cr_expect(l.diag.all()[1].severity == Severity::warning && l.diag.all()[1].product == "'w'.");
  cr_expect(l.diag.all()[2].severity == Severity::error && l.diag.all()[2].product == "'a'.");
  cr_expect(l.shape() == "global{};");
  ReadOptions options;
  options.diagnostic_mode = true;
  Lexed d;
  lines(d, ".diag d\n", {}, options);
  cr_expect(d.diag.count(Severity::note) == 1);
  expect_product(".alert a b\n",
                 "Unexpected argument 'b' for '.alert'. Use quotes if the message should contain spaces.");
  expect_product(".foo\n", "unknown directive '.foo'.");
}

Test(line_lexer, scopes) {
  expect_lines("[my-scope.1]  # c\nglobal\n", "global{};");
  expect_product("[]\n", "empty scope name is forbidden.");
  expect_product("[a b]\n", "character ' ' is not permitted in a scope name.");
  expect_product("[a] x\n", "character 'x' is not permitted after scope declaration.");
}

Test(line_lexer, nul_ends_the_file) {
  Lexed l;
  lines(l, std::string("global\n a\0b\n c\n", 14));
  cr_expect(l.errors() == 1 && l.first().product == "Stray NUL character at position 3.", "%s",
            l.first().product.c_str());
  cr_expect(l.shape() == "global{};");
}

Test(line_lexer, reading_goes_on_after_errors) {
  Lexed l;
  lines(l, "global\n a \"b\n c \\x\n d\n");
  cr_expect(l.errors() == 2 && l.shape() == "global{d;};", "%s", l.shape().c_str());
}

Test(line_lexer, files_and_folders) {
  Folder f;
  f.file("d/20.cfg", "listen b\n");
  f.file("d/10.cfg", "global\n setenv W_X 1\n");
  f.file("d/.hid.cfg", "listen hidden\n");
  f.file("d/a.cfg.cfg", "listen twice\n");
  f.file("d/readme.txt", "listen txt\n");
  f.file("d/sub.cfg/x.cfg", "listen sub\n");
  std::string last = f.file("last.cfg", "a \"$W_X\"\n");
  Lexed l;
  read_lines(l.tree, l.diag, {f.path + "/d", last}, {}, {});
  cr_expect(l.shape() == "global{setenv|W_X|1;};listen|b{};a|\"1\";", "%s", l.shape().c_str());
  cr_expect(l.diag.all().empty());
}

Test(line_lexer, missing_file) {
  Lexed l;
  read_lines(l.tree, l.diag, {"/nowhere/a.cfg"}, {}, {});
  cr_expect(l.errors() == 1);
  cr_expect(l.first().product == "Cannot open configuration file/directory /nowhere/a.cfg : No such file or directory");
}

Test(line_lexer, byte_order_mark) {
  Lexed l;
  lines(l, "\xef\xbb\xbfglobal\n");
  cr_expect(l.errors() == 1 && l.shape() == "global{};");
}
