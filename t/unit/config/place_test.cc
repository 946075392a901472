// Places in sources and the order of diagnostics: config/place.h.
#include <criterion/criterion.h>

#include "config/include.h"
#include "config/place.h"

using namespace weir;
using namespace weir::config;

Test(place, text_from_a_place_on) {
  Source s{"f", "one\ntwo three\n"};
  cr_expect(text_at({&s, 2, 5}) == "three\n");
  cr_expect(text_at({&s, 2, 50}).empty() && text_at({&s, 9, 1}).empty() && text_at({}).empty());
}

Test(place, inside_a_word_of_several_lines) {
  Source s{"f", "x 'ab\ncd'\n"};
  Where word{&s, 1, 3, 7};
  Where first = inside(word, 1, 2);
  cr_expect(first.line == 1 && first.column == 4 && first.length == 2);
  Where second = inside(word, 4, 2);
  cr_expect(second.line == 2 && second.column == 1 && second.length == 2);
}

Test(place, diagnostics_in_the_order_of_the_files) {
  Tree tree;
  const Source* a = add_source(tree, "a", "1\n2\n");
  const Source* b = add_source(tree, "b", "1\n");
  Diagnostics diag;
  diag.note({}, "nowhere");
  diag.error({b, 1, 1}, "b1").product = "kept";
  diag.error({a, 2, 1}, "a2");
  diag.warning({a, 1, 2}, "a1, column 2");
  diag.error({a, 1, 1}, "a1, column 1");
  Diagnostics sorted = by_place(diag, tree);
  std::string all;
  for (const Diagnostic& d : sorted.all()) all += d.text + "; ";
  cr_expect(all == "a1, column 1; a1, column 2; a2; b1; nowhere; ", "%s", all.c_str());
  cr_expect(sorted.all()[3].product == "kept" && sorted.failed());
}
