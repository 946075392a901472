// Command lines of the runtime socket: separators, payload marks, words, durations, likeness.
#include <criterion/criterion.h>

#include "control/words.h"

using namespace weir;
using namespace weir::control;

Test(control_words, a_line_needs_its_end) {
  std::string in = "show info";
  CommandLine line;
  cr_expect(!next_line(in, line));
  in += "\nshow";
  cr_assert(next_line(in, line));
  cr_expect_eq(line.commands.size(), 1u);
  cr_expect_eq(line.commands[0], "show info");
  cr_expect_eq(in, "show", "what follows stays");
}

Test(control_words, semicolons_separate_and_backslashes_protect) {
  std::string in = "a;b \\; c;\\\\;d\r\n";
  CommandLine line;
  cr_assert(next_line(in, line));
  cr_assert_eq(line.commands.size(), 4u);
  cr_expect_eq(line.commands[1], "b \\; c");
  cr_expect_eq(line.commands[2], "\\\\");
  cr_expect_eq(line.commands[3], "d", "a carriage return belongs to the line end");
}

Test(control_words, payload_marks) {
  CommandLine line;
  std::string in = "add map m <<\nx";
  cr_assert(next_line(in, line));
  cr_expect(line.payload && line.payload_end.empty());
  cr_expect_eq(line.commands[0], "add map m ");
  in = "echo a; add map m <<EOF\n";
  cr_assert(next_line(in, line));
  cr_expect(line.payload);
  cr_expect_eq(line.payload_end, "EOF");
  cr_expect_eq(line.commands[1], " add map m ");
  in = "echo a<<b\n";
  cr_assert(next_line(in, line));
  cr_expect(!line.payload, "the mark starts a word");
}

Test(control_words, words) {
  auto words = split_words("  show\tmap  a\\ b\\\\c \\");
  cr_assert_eq(words.size(), 4u);
  cr_expect_eq(words[0], "show");
  cr_expect_eq(words[2], "a b\\c");
  cr_expect_eq(words[3], "", "a lone backslash takes nothing");
  cr_expect(split_words(" \t ").empty());
}

Test(control_words, durations) {
  cr_expect_eq(parse_duration("10", 1000).value_or(0), 10u);
  cr_expect_eq(parse_duration("500ms", 1000).value_or(0), 1u, "rounded up");
  cr_expect_eq(parse_duration("2m", 1000).value_or(0), 120u);
  cr_expect_eq(parse_duration("3s", 1).value_or(0), 3000u);
  cr_expect_eq(parse_duration("1us", 1).value_or(0), 1u);
  cr_expect_eq(parse_duration("1d", 1000).value_or(0), 86400u);
  for (Str bad : {"", "s", "-1", "1x", "1 s", "99999999999"}) cr_expect(!parse_duration(bad, 1), "%s", bad.data());
}

Test(control_words, likeness) {
  cr_expect_eq(word_distance({"stat"}, {"stat"}), 0);
  cr_expect(word_distance({"stats"}, {"stat"}) < word_distance({"stats"}, {"sess"}));
}
