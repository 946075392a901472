// Arithmetic and bitwise converters. Results that do not fit 64 bits stop at the limits, as HAProxy's do; the second
// operand is a number or a variable.
#include <arpa/inet.h>

#include "expr/args.h"
#include "expr/tables.h"

namespace weir::expr {
namespace {

using Operator = int64_t (*)(int64_t a, int64_t b);

int64_t clamp(bool negative) {
  return negative ? INT64_MIN : INT64_MAX;
}
int64_t op_add(int64_t a, int64_t b) {
  int64_t r;
  return __builtin_add_overflow(a, b, &r) ? clamp(a < 0) : r;
}
int64_t op_sub(int64_t a, int64_t b) {
  int64_t r;
  return __builtin_sub_overflow(a, b, &r) ? clamp(a < 0) : r;
}
int64_t op_mul(int64_t a, int64_t b) {
  int64_t r;
  return __builtin_mul_overflow(a, b, &r) ? clamp((a < 0) != (b < 0)) : r;
}
int64_t op_div(int64_t a, int64_t b) {
  if (!b) return INT64_MAX;
  return a == INT64_MIN && b == -1 ? INT64_MAX : a / b;
}
int64_t op_mod(int64_t a, int64_t b) {
  return !b || b == -1 ? 0 : a % b;
}
int64_t op_and(int64_t a, int64_t b) {
  return a & b;
}
int64_t op_or(int64_t a, int64_t b) {
  return a | b;
}
int64_t op_xor(int64_t a, int64_t b) {
  return a ^ b;
}

template <Operator op>
bool binary(const Ctx& ctx, const Arg* args, Value& v) {
  int64_t b;
  if (!argument_number(ctx, args[0], b)) return false;
  v.integer = op(v.integer, b);
  return true;
}

bool complement(const Ctx&, const Arg*, Value& v) {
  v.integer = ~v.integer;
  return true;
}
bool negate(const Ctx&, const Arg*, Value& v) {
  v.integer = v.integer == INT64_MIN ? INT64_MAX : -v.integer;
  return true;
}
bool is_true(const Ctx&, const Arg*, Value& v) {
  v = Value::of_bool(v.integer != 0);
  return true;
}
bool is_false(const Ctx&, const Arg*, Value& v) {
  v = Value::of_bool(v.integer == 0);
  return true;
}
bool is_odd(const Ctx&, const Arg*, Value& v) {
  v = Value::of_bool(v.integer & 1);
  return true;
}
bool is_even(const Ctx&, const Arg*, Value& v) {
  v = Value::of_bool(!(v.integer & 1));
  return true;
}

bool to_network(const Ctx& ctx, const Arg*, Value& v) {
  uint32_t n = htonl(static_cast<uint32_t>(v.integer));
  v = Value::of_binary(ctx.arena->dup({reinterpret_cast<const char*>(&n), 4}));
  return true;
}

constexpr Type kInt = Type::integer;

// clang-format off
constexpr ConvertDef kTable[] = {
    {"add", 1, 1, kInt, kInt, binary<op_add>, nullptr, "adds a number or a variable", "v"},
    {"and", 1, 1, kInt, kInt, binary<op_and>, nullptr, "bitwise AND with a number or a variable", "v"},
    {"bool", 0, 0, kInt, Type::boolean, is_true, nullptr, "true when the number is not zero"},
    {"cpl", 0, 0, kInt, kInt, complement, nullptr, "inverts all bits"},
    {"div", 1, 1, kInt, kInt, binary<op_div>, nullptr, "divides by a number or a variable; by zero gives the largest number", "v"},
    {"even", 0, 0, kInt, Type::boolean, is_even, nullptr, "true when the number is even"},
    {"htonl", 0, 0, kInt, Type::binary, to_network, nullptr, "the low 32 bits as four bytes in network order"},
    {"mod", 1, 1, kInt, kInt, binary<op_mod>, nullptr, "the remainder of a division by a number or a variable; by zero gives 0", "v"},
    {"mul", 1, 1, kInt, kInt, binary<op_mul>, nullptr, "multiplies by a number or a variable", "v"},
    {"neg", 0, 0, kInt, kInt, negate, nullptr, "changes the sign"},
    {"not", 0, 0, kInt, Type::boolean, is_false, nullptr, "true when the number is zero"},
    {"odd", 0, 0, kInt, Type::boolean, is_odd, nullptr, "true when the number is odd"},
    {"or", 1, 1, kInt, kInt, binary<op_or>, nullptr, "bitwise OR with a number or a variable", "v"},
    {"sub", 1, 1, kInt, kInt, binary<op_sub>, nullptr, "subtracts a number or a variable", "v"},
    {"xor", 1, 1, kInt, kInt, binary<op_xor>, nullptr, "bitwise XOR with a number or a variable", "v"},
};
// clang-format on

}  // namespace

ConvertTable number_converters() {
  return kTable;
}

}  // namespace weir::expr
