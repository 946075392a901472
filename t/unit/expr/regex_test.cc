// expr/regex.h: compilation, groups, replacement strings.
#include <criterion/criterion.h>

#include <string>

#include "expr/regex.h"

using namespace weir;
using expr::Regex;

Test(regex, groups_and_names) {
  Arena arena;
  std::string error;
  const Regex* re = Regex::compile(arena, "^(?<scheme>[a-z]+)://([^/]+)(:x)?", Regex::kIcase, error);
  cr_assert(re, "%s", error.c_str());
  expr::Match m = re->match("HTTP://host/path");
  cr_assert(m);
  cr_expect(m.group(0) == "HTTP://host");
  cr_expect(m.group(1) == "HTTP");
  cr_expect(m.group(2) == "host");
  cr_expect(!m.has(3) && m.group(3).empty());
  cr_assert(re->names().size() == 1);
  cr_expect(re->names()[0].name == "scheme" && re->names()[0].group == 1);
  cr_expect(re->groups() == 3);
  cr_expect(!re->test("nothing"));
}

Test(regex, a_bad_pattern_is_told_with_its_place) {
  Arena arena;
  std::string error;
  cr_expect(!Regex::compile(arena, "a(b", Regex::kNone, error));
  cr_expect(error.find("erroffset=3") != std::string::npos, "%s", error.c_str());
}

Test(regex, replacement_strings) {
  Arena arena;
  std::string error;
  const Regex* re = Regex::compile(arena, "(a)(b)?", Regex::kNone, error);
  Str subject = "xa";
  std::string out;
  expr::expand_backrefs("<\\1|\\2|\\0|\\\\|\\x41\\n>", re->match(subject), out);
  cr_expect(out == "<a||a|\\|An>", "%s", out.c_str());
}

Test(regex, an_endless_pattern_does_not_match) {
  Arena arena;
  std::string error;
  const Regex* re = Regex::compile(arena, "^(a+)+$", Regex::kNone, error);
  std::string subject(40, 'a');
  subject += '!';
  cr_expect(!re->test(subject));
}
