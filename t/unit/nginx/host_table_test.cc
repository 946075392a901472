// Names and masks of map and valid_referers: nginx/host_table.cc.
#include "nginx/host_table.h"

#include <criterion/criterion.h>

using namespace weir;
using weir::nginx::HostTable;

static const int kOne = 1, kTwo = 2, kThree = 3;

Test(host_table, exact_then_the_longest_mask) {
  HostTable t;
  cr_assert(t.add("Example.com", &kOne, true) == HostTable::Added::ok);
  cr_assert(t.add("*.example.com", &kTwo, true) == HostTable::Added::ok);
  cr_assert(t.add("*.a.example.com", &kThree, true) == HostTable::Added::ok);
  cr_expect(t.find("example.com") == &kOne);
  cr_expect(t.find("www.example.com") == &kTwo);
  cr_expect(t.find("b.a.example.com") == &kThree);
  cr_expect(t.find("a.example.com") == &kTwo);
  cr_expect(t.find("notexample.com") == nullptr);
}

Test(host_table, dots_and_tails) {
  HostTable t;
  cr_assert(t.add(".example.org", &kOne, true) == HostTable::Added::ok);
  cr_assert(t.add("www.example.*", &kTwo, true) == HostTable::Added::ok);
  cr_expect(t.find("example.org") == &kOne);
  cr_expect(t.find("x.example.org") == &kOne);
  cr_expect(t.find("www.example.net") == &kTwo);
  cr_expect(t.find("www.example.co.uk") == &kTwo);
  cr_expect(t.find("example.net") == nullptr);
}

Test(host_table, no_more_of_a_long_name_is_looked_at_than_masks_have) {
  HostTable t;
  cr_assert(t.add("*.example.com", &kOne, true) == HostTable::Added::ok);
  cr_assert(t.add("www.example.*", &kTwo, true) == HostTable::Added::ok);
  std::string labels;
  for (int i = 0; i < 1000000; i++) labels += "a.";
  cr_expect(t.find(labels + "example.com") == &kOne);
  cr_expect(t.find(".example.com") == nullptr);
  cr_expect(t.find("www.example." + labels + "x") == &kTwo);
  cr_expect(t.find(labels + "x") == nullptr);
}

Test(host_table, refusals) {
  HostTable t;
  cr_expect(t.add("a.com", &kOne, true) == HostTable::Added::ok);
  cr_expect(t.add("A.com", &kTwo, true) == HostTable::Added::conflict);
  cr_expect(t.add(".a.com", &kTwo, true) == HostTable::Added::conflict);
  for (const char* bad : {"*", "a.*.com", "**.com", "*a.com", "a..com", "www.*x"})
    cr_expect(t.add(bad, &kOne, true) == HostTable::Added::invalid, "%s", bad);
  cr_expect(t.add("*.x.com", &kTwo, false) == HostTable::Added::ok, "a text, not a mask");
  cr_expect(t.find("a.x.com") == nullptr);
}
