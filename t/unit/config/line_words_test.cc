// HAProxy's words: config/line_words.cc, seen through the line lexer.
#include <criterion/criterion.h>

#include "lexed.h"

using namespace weir;
using namespace weir::config;

// The shape of `line` in a section, or the product's wording of what is wrong with it.
static std::string words(const std::string& line) {
  ReadOptions options;
  options.defines = {"LIST=b c", "EMPTY=", "SPACES= x  y ", "ONE=1", "Q=a\"b"};
  Lexed l;
  lines(l, "listen web\n" + line + "\n", {}, options);
  if (!l.diag.all().empty()) return "? " + l.first().product;
  return l.tree.root.block[0].block.empty() ? "" : shape(l.tree.root.block[0].block[0]);
}

static void expect_words(const std::string& line, const std::string& want) {
  std::string got = words(line);
  cr_expect(got == want, "%s: got %s", line.c_str(), got.c_str());
}

Test(line_words, plain) {
  expect_words("  a\tb   c  ", "a|b|c;");
  expect_words("a b # c", "a|b;");
  expect_words("a b#c", "a|b;");
  expect_words("a {} ; x=1", "a|{}|;|x=1;");
  expect_words("a \xc3\xa9", "a|\xc3\xa9;");
}

Test(line_words, quotes) {
  expect_words("a \"b c\" 'd \"e'", "a|\"b c\"|'d \"e';");
  expect_words("a \"b # c\"", "a|\"b # c\";");
  expect_words("a b\"c d\"e", "a|<bc de>;");
  expect_words("a \"it's\"", "a|\"it's\";");
  expect_words("log-format \"%{+Q}o %t\"' %s %{-Q}r'", "log-format|<%{+Q}o %t %s %{-Q}r>;");
}

Test(line_words, escapes) {
  expect_words("a b\\ c\\#d\\\\e\\'f\\\"g", "a|b c#d\\e'f\"g;");
  expect_words("a \\n\\r\\t", "a|\n\r\t;");
  expect_words("a \\x41\\x7a\"\\x2F\"", "a|<Az/>;");
  expect_words("a \\d\\.\\$", "a|\\d\\.\\$;");
  expect_words("a '\\n\\x'", "a|'\\n\\x';");
  expect_words("a \"\\$ONE\\\"\"", "a|\"$ONE\"\";");
}

Test(line_words, bad_escapes) {
  expect_words("a \\x4", "? truncated or invalid hexadecimal sequence at position 3:");
  expect_words("a \\xZZ", "? truncated or invalid hexadecimal sequence at position 3:");
}

Test(line_words, unmatched_quotes) {
  expect_words("a \"b", "? unmatched quote at position 3:");
  expect_words("  a 'b\"", "? unmatched quote at position 5:");
}

Test(line_words, variables_in_double_quotes_only) {
  expect_words("a \"$ONE\" \"x${ONE}y\" $ONE '$ONE'", "a|\"1\"|\"x1y\"|$ONE|'$ONE';");
  expect_words("a \"$Q\"", "a|\"a\"b\";");
  expect_words("a \"$LIST\"", "a|\"b c\";");
}

Test(line_words, defaults) {
  expect_words("a \"${NOPE-127.0.0.1}:80\"", "a|\"127.0.0.1:80\";");
  expect_words("a \"${ONE-2}\"", "a|\"1\";");
  expect_words("a \"x${EMPTY-2}\"", "a|\"x\";");
  expect_words("a \"x${NOPE-}\"", "a|\"x\";");
}

Test(line_words, lists) {
  expect_words("a \"${LIST[*]}\" d", "a|\"b\"|\"c\"|d;");
  expect_words("a \"x${LIST[*]}y\"", "a|\"xb\"|\"cy\";");
  expect_words("a \"${SPACES[*]}\"", "a|\"x\"|\"y\";");
  expect_words("a \"${EMPTY[*]}\" b", "a|b;");
  expect_words("a \"${NOPE[*]}\" b", "a|b;");
  expect_words("a \"${NOPE[*]-p q}\" b", "a|\"p\"|\"q\"|b;");
}

Test(line_words, empty_words) {
  expect_words("a \"\" b", "? argument number 1 at position 3 is empty and marks the end of the argument list:");
  expect_words("a \"$NOPE\"", "? argument number 1 at position 3 is empty and marks the end of the argument list:");
  expect_words("a b \"${EMPTY}\"",
               "? argument number 2 at position 5 is empty and marks the end of the argument list:");
  expect_words("a b''c", "a|<bc>;");
  expect_words("\"\" a", "");
}

Test(line_words, bad_variables) {
  expect_words("a \"$1\"", "? forbidden first char in environment variable name at position 5:");
  expect_words("a \"${}\"", "? forbidden first char in environment variable name at position 6:");
  expect_words("a \"${ONE\"", "? unmatched brace in environment variable name at position 5:");
  expect_words("a \"${ONE-x\"", "? unmatched brace in environment variable name at position 5:");
  expect_words("a \"${ONE[0]}\"", "? truncated or invalid word expansion sequence at position 9:");
  expect_words("a \"${.NONE}\"", "? forbidden first char in environment variable name at position 6:");
}

Test(line_words, pseudo_variables) {
  expect_words("a \"${.FILE}:${.LINE}:$.SECTION\"", "a|\"t.cfg:2:web\";");
  Lexed l;
  lines(l, "a \"x${.SECTION}\"\nglobal\n b \"${.SECTION}\"\n");
  cr_expect(l.shape() == "a|\"x\";global{b|\"global\";};", "%s", l.shape().c_str());
}

Test(line_words, at_most_64) {
  std::string line = "a";
  for (int i = 1; i < 64; i++) line += " b";
  cr_expect(words(line)[0] == 'a');
  cr_expect(words(line + " c").starts_with("? too many words, truncating after word 64"));
}

Test(line_words, places) {
  Lexed l;
  lines(l, "listen web\n  ab \"c d\" e\"f\" # g\n");
  const Directive& d = l.tree.root.block[0].block[0];
  cr_expect(d.where.line == 2 && d.where.column == 3 && d.where.length == 2);
  cr_expect(d.arg(0).where.column == 6 && d.arg(0).where.length == 5);
  cr_expect(d.arg(1).where.column == 12 && d.arg(1).where.length == 4);
}

Test(line_words, place_after_an_empty_quote) {
  Lexed l;
  lines(l, "listen web\n a b'' cd\n");
  cr_expect(l.tree.root.block[0].block[0].arg(1).where.column == 8);
}
