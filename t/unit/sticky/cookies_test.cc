// Places of cookies in headers, and headers that cookies leave: sticky/cookies.cc.
#include "sticky/cookies.h"

#include <criterion/criterion.h>

#include <string>

#include "sticky/date.h"

using namespace weir;
using sticky::Cookie;
using sticky::Cookies;

// "name=value|" for each pair, "text|" for what is none.
static std::string walk(Str text, bool first_only = false) {
  std::string out;
  Cookies cookies(text, first_only);
  for (Cookie c; cookies.next(c);) {
    out += c.name;
    if (c.pair) out.append("=").append(c.value);
    out += '|';
  }
  return out;
}

// The header without the cookies called S; a value with '~' keeps what stands behind it.
static std::string without(Str text) {
  Arena arena;
  sticky::CookieEdit edit(arena, text);
  Cookies cookies(text);
  for (Cookie c; cookies.next(c);) {
    size_t mark = c.value.find('~');
    if (c.name != "S")
      edit.keep(c);
    else if (mark != Str::npos)
      edit.shorten(c, c.value.substr(mark + 1));
    else
      edit.drop(c);
  }
  return std::string(edit.text());
}

Test(cookies, are_found_between_delimiters) {
  cr_expect(walk("a=1; b=2,c=3") == "a=1|b=2|c=3|");
  cr_expect(walk("  a = 1 ;b=") == "a=1|b=|");
  cr_expect(walk("a;;=;b=x=y") == "a||=|b=x=y|");
  cr_expect(walk("").empty());
  cr_expect(walk(";") == "||");
}

Test(cookies, quotes_hide_delimiters_and_may_never_end) {
  cr_expect(walk(R"(a="1;2,3"; b=4)") == R"(a="1;2,3"|b=4|)");
  cr_expect(walk(R"(a="1\";2"; b=4)") == R"(a="1\";2"|b=4|)");
  cr_expect(walk(R"(a="1; b=4; c=5)") == R"(a="1; b=4; c=5|)");
  cr_expect(walk("a=\"\\") == "a=\"\\|");
}

Test(cookies, a_set_cookie_is_its_first_pair) {
  cr_expect(walk("a=1; Path=/; Expires=Thu, 01-Jan-70 00:00:01 GMT", true) == "a=1|");
  cr_expect(walk("a,b=1; c", true) == "a,b=1|");
}

Test(cookies, leave_a_header_in_one_piece) {
  cr_expect(without("a=1; b=2") == "a=1; b=2");
  cr_expect(without("S=1").empty());
  cr_expect(without("S=1; a=1") == "a=1");
  cr_expect(without("a=1; S=1") == "a=1");
  cr_expect(without("a=1; S=1;b=2") == "a=1;b=2");
  cr_expect(without("S=1; S=2; S=3").empty());
  cr_expect(without("a=1, S=1; b=2, S=9") == "a=1; b=2");
  cr_expect(without("a=1; S=x~y; b=2") == "a=1; S=y; b=2");
  cr_expect(without("S=x~; S=z; c=3") == "S=; c=3");
}

Test(cookies, thousands_of_them_leave) {
  std::string text, left;
  for (int i = 0; i < 5000; i++) {
    text += "S=" + std::to_string(i) + "; k" + std::to_string(i) + "=v; ";
    left += (i ? " k" : "k") + std::to_string(i) + "=v;";
  }
  cr_expect(without(text) == left + " ");
}

Test(cookies, dates_are_haproxys) {
  char text[sticky::kDateSize];
  sticky::write_date(1700000003, text);
  cr_expect(Str(text, sizeof text) == "ZVPxA", "%.5s", text);
  cr_expect(sticky::read_date("ZVPxA") == 1700000000);
  cr_expect(sticky::read_date("ZVPxArest") == 1700000000);
  cr_expect(sticky::read_date("ZVPx") == 0);
  cr_expect(sticky::read_date("ZV!xA") == 0);
  cr_expect(sticky::read_date("AAAAA") == 0);
}
