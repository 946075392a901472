// http/names.h: every interned name is found in any case, and nothing else is.
#include "http/names.h"

#include <criterion/criterion.h>

#include <string>

using namespace weir;
using http::Name;

namespace {

std::string with_case(Str text, bool upper) {
  std::string s;
  for (char c : text) s += upper && lower(c) >= 'a' && lower(c) <= 'z' ? static_cast<char>(lower(c) & ~0x20) : lower(c);
  return s;
}

}  // namespace

Test(names, finds_each_name_in_any_case) {
  for (size_t i = 1; i < static_cast<size_t>(Name::count_); i++) {
    auto id = static_cast<Name>(i);
    Str text = http::name_text(id);
    cr_assert(!text.empty());
    cr_expect(http::name_id(text) == id, "%s", text.data());
    cr_expect(http::name_id(with_case(text, true)) == id, "%s upper", text.data());
    cr_expect(http::name_id(with_case(text, false)) == id, "%s lower", text.data());
  }
}

Test(names, refuses_neighbours) {
  for (size_t i = 1; i < static_cast<size_t>(Name::count_); i++) {
    std::string text(http::name_text(static_cast<Name>(i)));
    cr_expect(http::name_id(text + "x") != static_cast<Name>(i));
    cr_expect(http::name_id(text.substr(0, text.size() - 1)) != static_cast<Name>(i));
    for (size_t j = 0; j < text.size(); j++) {
      for (int bit = 0; bit < 8; bit++) {
        std::string near = text;
        near[j] = static_cast<char>(near[j] ^ (1 << bit));
        bool same = iequals(near, text);
        cr_expect((http::name_id(near) == static_cast<Name>(i)) == same, "%s against %s", near.c_str(), text.c_str());
      }
    }
  }
}

Test(names, odd_input) {
  cr_expect(http::name_id("") == Name::other);
  cr_expect(http::name_id("a") == Name::other);
  cr_expect(http::name_id(std::string(70000, 'a')) == Name::other);
  cr_expect(http::name_id(Str("\0\0\0\0", 4)) == Name::other);
  cr_expect(http::name_text(Name::other).empty());
  cr_expect(http::name_text(Name::count_).empty());
}
