// Showing diagnostics: config/diag.cc and config/source.cc.
#include <criterion/criterion.h>

#include <nlohmann/json.hpp>

#include "config/diag.h"

using namespace weir;
using namespace weir::config;

static std::string rendered(const Source& s, uint32_t line, uint32_t column, uint32_t length, bool colour = false) {
  Diagnostics d;
  return render(d.error({&s, line, column, length}, "bad", "do better"), colour);
}

Test(source, lines) {
  Source s{"f", "one\ntwo\r\n\nfour"};
  cr_expect(s.line(1) == "one" && s.line(2) == "two" && s.line(3).empty() && s.line(4) == "four");
  cr_expect(s.line(0).empty() && s.line(5).empty());
}

Test(diag, caret_under_the_word) {
  Source s{"a.conf", "x;\n  root /a;\n"};
  std::string got = rendered(s, 2, 8, 2);
  cr_expect(got ==
                "a.conf:2:8: error: bad\n"
                "    2 |   root /a;\n"
                "      |        ^~\n"
                "      = do better\n",
            "%s", got.c_str());
}

Test(diag, tabs_and_wide_characters_keep_the_caret_in_place) {
  Source s{"a", "\t\xc3\xa9 xy"};
  std::string got = rendered(s, 1, 5, 2);
  cr_expect(got.find("      | \t  ^~\n") != std::string::npos, "%s", got.c_str());
}

Test(diag, underline_stays_on_the_line) {
  Source s{"a", "ab\ncd"};
  cr_expect(rendered(s, 1, 2, 50).find("      |  ^\n") != std::string::npos);
  cr_expect(rendered(s, 1, 9, 1).find("      |   ^\n") != std::string::npos);
}

Test(diag, long_lines_are_cut_around_the_word) {
  Source s{"a", std::string(5000, 'x') + "HERE" + std::string(5000, 'y')};
  std::string got = rendered(s, 1, 5001, 4);
  cr_expect(got.size() < 500 && got.find("HERE") != std::string::npos && got.find("^~~~\n") != std::string::npos);
}

Test(diag, control_characters_are_not_shown) {
  Source s{"a\x1b[2J", "x\x1b[31m"};
  cr_expect(rendered(s, 1, 1, 1).find('\x1b') == std::string::npos);
}

Test(diag, colours) {
  Source s{"a", "x"};
  cr_expect(rendered(s, 1, 1, 1).find('\x1b') == std::string::npos);
  cr_expect(rendered(s, 1, 1, 1, true).find("\x1b[1;31merror:\x1b[0m") != std::string::npos);
}

Test(diag, without_a_place) {
  Diagnostics d;
  cr_expect(render(d.warning({}, "odd"), false) == "warning: odd\n");
  Source s{"a", "x"};
  cr_expect(render(d.note({&s, 0, 0, 0}, "odd"), false) == "a: note: odd\n");
  cr_expect(render(d.add(Severity::planned, {}, "the word x", ""), false) == "not yet: the word x\n");
}

Test(diag, counts) {
  Diagnostics d;
  d.warning({}, "w");
  cr_expect(!d.failed());
  d.error({}, "a");
  d.error({}, "b");
  cr_expect(d.failed() && d.count(Severity::error) == 2 && d.count(Severity::warning) == 1);
}

Test(diag, the_same_is_said_once) {
  Diagnostics d;
  Source s{"a", "x\ny"};
  d.error({&s, 1, 1, 1}, "a");
  d.error({&s, 1, 1, 1}, "a").product = "p";
  d.error({&s, 2, 1, 1}, "a");
  d.warning({&s, 1, 1, 1}, "a");
  cr_expect(d.all().size() == 3 && d.all()[0].product == "p");
}

Test(diag, json) {
  Diagnostics d;
  Source s{"a\"b", "x"};
  d.error({&s, 3, 4, 1}, "t \xff", "r");
  d.add(Severity::planned, {}, "p", "");
  nlohmann::json j = nlohmann::json::parse(render_json(d));
  cr_expect(j.size() == 2 && j[0]["severity"] == "error" && j[0]["file"] == "a\"b" && j[0]["line"] == 3);
  cr_expect(j[0]["column"] == 4 && j[0]["remedy"] == "r" && j[1]["severity"] == "planned");
  cr_expect(j[1]["file"].get<std::string>().empty());
  cr_expect(nlohmann::json::parse(render_json(Diagnostics())).is_array());
}

Test(diag, nearest) {
  std::vector<Str> known = {"listen", "location", "proxy_pass", "root"};
  cr_expect(nearest("proxypass", known) == "proxy_pass");
  cr_expect(nearest("proxy_psas", known) == "proxy_pass");
  cr_expect(nearest("lsiten", known) == "listen", "a swap is one step");
  cr_expect(nearest("rot", known) == "root");
  cr_expect(nearest("root", known) == "root");
  cr_expect(nearest("upstream", known).empty());
  cr_expect(nearest("ro", known).empty(), "two letters allow no change");
  cr_expect(nearest("", known).empty());
}
