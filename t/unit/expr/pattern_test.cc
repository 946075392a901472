// expr/pattern.h: matching by every method, small and large sets, and publishing changes.
#include <criterion/criterion.h>

#include <string>

#include "expr/pattern.h"

using namespace weir;
using expr::Method;
using expr::PatternSet;
using expr::Type;
using expr::Value;

namespace {

std::string find(Method method, const std::vector<std::string>& keys, Value v, bool icase = false) {
  std::vector<PatternSet::Text> texts;
  texts.reserve(keys.size());
  for (auto& k : keys) texts.push_back({k, {}, 0});
  std::string error;
  size_t at;
  auto set = PatternSet::build({method, icase, false, Type::string}, texts, error, at);
  if (!set) return "[" + error + "]";
  Arena arena;
  if (!expr::cast(v, expr::method_type(method), arena)) return "(no cast)";
  const expr::Pattern* p = set->find(v);
  return p ? std::string(p->key) : "(none)";
}
Value text(const char* s) {
  return Value::of(Str(s));
}

// Enough others to make the set a hashed one.
std::vector<std::string> many(std::vector<std::string> keys) {
  for (int i = 0; i < 200; i++) keys.push_back("filler" + std::to_string(i));
  return keys;
}

#define expect_find(result, want)                                     \
  do {                                                                \
    std::string got_ = result;                                        \
    cr_expect(got_ == (want), "got %s, want %s", got_.c_str(), want); \
  } while (0)

}  // namespace

Test(pattern, texts) {
  for (bool large : {false, true}) {
    auto set = [&](const std::vector<std::string>& keys) { return large ? many(keys) : keys; };
    expect_find(find(Method::str, set({"abc", "def"}), text("def")), "def");
    expect_find(find(Method::str, set({"abc"}), text("ABC")), "(none)");
    expect_find(find(Method::str, set({"abc"}), text("ABC"), true), "abc");
    expect_find(find(Method::beg, set({"/a", "/api/v1", "/api"}), text("/api/v1/x")), "/api/v1");
    expect_find(find(Method::beg, set({"/a"}), text("/")), "(none)");
    expect_find(find(Method::beg, set({"/A"}), text("/abc"), true), "/A");
    expect_find(find(Method::end, set({".jpg", ".x.jpg"}), text("/i.x.jpg")), ".x.jpg");
    expect_find(find(Method::end, set({".JPG"}), text("/i.jpg"), true), ".JPG");
    expect_find(find(Method::sub, set({"needle"}), text("a needle here")), "needle");
    expect_find(find(Method::sub, set({"NEEDLE"}), text("a needle here"), true), "NEEDLE");
  }
}

Test(pattern, words_between_delimiters) {
  expect_find(find(Method::dir, {"img"}, text("/static/img/a.png")), "img");
  expect_find(find(Method::dir, {"/static/img/"}, text("/static/img/a.png")), "/static/img/");
  expect_find(find(Method::dir, {"im"}, text("/static/img/a.png")), "(none)");
  expect_find(find(Method::dir, {"img"}, text("/img?x")), "img");
  expect_find(find(Method::dom, {"example"}, text("www.example.com:80")), "example");
  expect_find(find(Method::dom, {"ample"}, text("www.example.com")), "(none)");
  expect_find(find(Method::dom, {".Example.COM"}, text("www.example.com"), true), ".Example.COM");
}

Test(pattern, numbers) {
  expect_find(find(Method::integer, {"1", "5:9", "20-30", "100:"}, Value::of(int64_t{7})), "5:9");
  expect_find(find(Method::integer, {"1", "5:9", "20-30", "100:"}, Value::of(int64_t{25})), "20-30");
  expect_find(find(Method::integer, {":-1"}, Value::of(int64_t{0})), "(none)");
  expect_find(find(Method::integer, {"100:"}, Value::of(int64_t{1000})), "100:");
  expect_find(find(Method::integer, {"9:5"}, Value::of(int64_t{7})), "['9:5' is not a valid number range]");
  expect_find(find(Method::integer, {"x"}, Value::of(int64_t{7})), "['x' is not a number]");
  expect_find(find(Method::len, {"3"}, text("abc")), "3");
  expect_find(find(Method::version, {"3.1:"}, Value::of(int64_t{(3 << 16) + 3})), "3.1:");
  expect_find(find(Method::version, {"3.4:"}, Value::of(int64_t{(3 << 16) + 3})), "(none)");
}

Test(pattern, networks) {
  std::vector<std::string> nets = {"10.0.0.0/8", "10.1.0.0/255.255.0.0", "10.1.2.3", "2001:db8::/32",
                                   "::ffff:192.0.2.0/120"};
  expect_find(find(Method::ip, nets, text("10.1.2.3")), "10.1.2.3");
  expect_find(find(Method::ip, nets, text("10.1.9.9")), "10.1.0.0/255.255.0.0");
  expect_find(find(Method::ip, nets, text("10.9.9.9")), "10.0.0.0/8");
  expect_find(find(Method::ip, nets, text("11.0.0.1")), "(none)");
  expect_find(find(Method::ip, nets, text("2001:db8::5")), "2001:db8::/32");
  expect_find(find(Method::ip, nets, text("::ffff:10.9.9.9")), "10.0.0.0/8");
  expect_find(find(Method::ip, nets, text("192.0.2.77")), "::ffff:192.0.2.0/120");
  expect_find(find(Method::ip, {"10.0.0.0/33"}, text("10.0.0.1")),
              "['10.0.0.0/33' is not a valid IPv4 or IPv6 address]");
  expect_find(find(Method::ip, {"localhost"}, text("127.0.0.1")), "['localhost' is not a valid IPv4 or IPv6 address]");
}

Test(pattern, bytes_methods_groups_expressions) {
  expect_find(find(Method::bin, {"0aff"}, Value::of_binary(Str("\x0a\xff", 2))), "0aff");
  expect_find(find(Method::bin, {"0af"}, Value::of_binary("x")), "['0af' is not an even number of hexadecimal digits]");
  expect_find(find(Method::verb, {"GET", "HEAD"}, Value::of_method("HEAD")), "HEAD");
  expect_find(find(Method::group, {"dev"}, text("admin,dev")), "dev");
  expect_find(find(Method::group, {"ev"}, text("admin,dev")), "(none)");
  expect_find(find(Method::reg, {"^a.c$", "z"}, text("abc")), "^a.c$");
  expect_find(find(Method::reg, {"^A.C$"}, text("abc"), true), "^A.C$");
}

Test(pattern, changes_are_published_to_all_lists) {
  expr::PatternSource source;
  source.texts = {{"a", "1", 1}, {"b", "2", 2}};
  std::string error;
  expr::PatternList* str = source.list(Method::str, false, false, Type::integer, error);
  expr::PatternList* beg = source.list(Method::beg, false, false, Type::integer, error);
  cr_assert(str && beg && str != beg);
  cr_expect(source.list(Method::str, false, false, Type::integer, error) == str);
  cr_expect(str->find(Value::of(Str("b")))->typed.integer == 2);
  source.texts.push_back({"c", "3", 3});
  std::vector<std::unique_ptr<const PatternSet>> old;
  cr_assert(source.publish(old, error));
  cr_expect(old.size() == 2);
  cr_expect(str->find(Value::of(Str("c")))->typed.integer == 3);
  cr_expect(beg->find(Value::of(Str("cat")))->typed.integer == 3);
  source.texts.push_back({"d", "no number", 4});
  cr_expect(!source.publish(old, error));
  cr_expect(str->find(Value::of(Str("c")))->typed.integer == 3);
}
