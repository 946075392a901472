// expr/value.h: the cast table and reading numbers.
#include <criterion/criterion.h>

#include <string>

#include "expr/value.h"

using namespace weir;
using expr::Type;
using expr::Value;

namespace {

std::string cast_text(Value v, Type to) {
  Arena arena;
  if (!expr::cast(v, to, arena)) return "(none)";
  return std::string(expr::type_name(v.type)) + " " + std::string(expr::to_text(v, arena));
}

Value ip(const char* text) {
  Arena arena;
  Value v = Value::of(Str(text));
  expr::cast(v, Type::addr, arena);
  return v;
}

#define expect_cast(v, to, text) cr_expect(cast_text(v, to) == (text), "got %s", cast_text(v, to).c_str())

}  // namespace

Test(value, texts_become_the_number_they_start_with) {
  expect_cast(Value::of(Str("12abc")), Type::integer, "integer 12");
  expect_cast(Value::of(Str("-7")), Type::integer, "integer -7");
  expect_cast(Value::of(Str("abc")), Type::integer, "integer 0");
  expect_cast(Value::of(Str("")), Type::integer, "(none)");
  expect_cast(Value::of(Str("99999999999999999999")), Type::integer, "integer 9223372036854775807");
  expect_cast(Value::of(Str("-99999999999999999999")), Type::integer, "integer -9223372036854775808");
  expect_cast(Value::of(Str("-9223372036854775808")), Type::integer, "integer -9223372036854775808");
}

Test(value, numbers_and_booleans) {
  expect_cast(Value::of(int64_t{5}), Type::boolean, "boolean 1");
  expect_cast(Value::of_bool(true), Type::integer, "integer 1");
  expect_cast(Value::of(int64_t{-5}), Type::string, "string -5");
  expect_cast(Value::of(int64_t{0x0102030405060708}), Type::binary, "binary 0102030405060708");
  expect_cast(Value::of_bool(true), Type::binary, "binary 0000000000000001");
  expect_cast(Value::of_bool(true), Type::addr, "(none)");
}

Test(value, addresses) {
  expect_cast(ip("10.1.2.3"), Type::string, "string 10.1.2.3");
  expect_cast(ip("10.1.2.3"), Type::integer, "integer 167838211");
  expect_cast(ip("10.1.2.3"), Type::ipv6, "ipv6 ::ffff:10.1.2.3");
  expect_cast(ip("10.1.2.3"), Type::binary, "binary 0A010203");
  expect_cast(ip("::ffff:10.1.2.3"), Type::ipv4, "ipv4 10.1.2.3");
  expect_cast(ip("2002:0a01:0203::1"), Type::ipv4, "ipv4 10.1.2.3");
  expect_cast(ip("2001:db8::1"), Type::ipv4, "(none)");
  expect_cast(ip("2001:db8::1"), Type::integer, "(none)");
  expect_cast(Value::of(int64_t{167838211}), Type::addr, "ipv4 10.1.2.3");
  expect_cast(Value::of(int64_t{167838211}), Type::ipv6, "ipv6 ::ffff:10.1.2.3");
  expect_cast(Value::of(Str("not an address")), Type::addr, "(none)");
  expect_cast(Value::of(Str("::1")), Type::ipv4, "(none)");
}

Test(value, bytes_end_at_nul_as_text) {
  expect_cast(Value::of_binary(Str("ab\0cd", 5)), Type::string, "string ab");
  expect_cast(Value::of(Str("ab")), Type::binary, "binary 6162");
  expect_cast(Value::of_binary("ab"), Type::integer, "(none)");
  expect_cast(Value::of_binary("GET"), Type::method, "method GET");
  expect_cast(Value::of_method("GET"), Type::string, "string GET");
  expect_cast(Value::of_method("GET"), Type::integer, "(none)");
}

Test(value, pseudo_types_are_only_declared) {
  cr_expect(expr::can_cast(Type::any, Type::integer));
  cr_expect(expr::can_cast(Type::addr, Type::string));
  cr_expect(!expr::can_cast(Type::addr, Type::integer));
  cr_expect(!expr::can_cast(Type::binary, Type::integer));
  cr_expect(!expr::can_cast(Type::same, Type::string));
  Value absent;
  Arena arena;
  cr_expect(!expr::cast(absent, Type::string, arena));
  cr_expect(expr::to_text(absent, arena).empty());
}
