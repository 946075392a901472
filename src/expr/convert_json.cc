// Converters that look into JSON, and into the two JSON parts of a JSON Web Token.
#include <fmt/format.h>

#include <charconv>
#include <cstdlib>
#include <string>

#include "expr/encode.h"
#include "expr/json_path.h"
#include "expr/tables.h"

namespace weir::expr {
namespace {

constexpr int64_t kMaxExact = (1ll << 53) - 1;  // RFC 8259 6: integers that everybody reads the same

bool number(const Ctx& ctx, Str text, bool as_int, Value& v) {
  char digits[64];
  if (text.size() >= sizeof digits) return false;
  digits[text.copy(digits, text.size())] = 0;
  if (as_int) {
    int64_t n = strtoll(digits, nullptr, 10);
    v = Value::of(n);
    return n >= -kMaxExact && n <= kMaxExact;
  }
  constexpr size_t kRoom = 32;
  char* p = ctx.arena->alloc_chars(kRoom);
  int n = snprintf(p, kRoom, "%g", strtod(digits, nullptr));
  v = Value::of(Str{p, static_cast<size_t>(n)});
  return true;
}

bool query(const Ctx& ctx, Str json, const Arg* args, Value& v) {
  JsonValue found = find_json(json, args[0].str);
  switch (found.type) {
    case JsonType::number: return number(ctx, found.text, !args[1].str.empty(), v);
    case JsonType::boolean: v = Value::of_bool(found.text == "true"); return true;
    case JsonType::array: v = Value::of(found.text); return true;
    case JsonType::string: {
      Str text;
      if (!unescape_json(found.text, *ctx.arena, text)) return false;
      v = Value::of(text);
      return true;
    }
    default: return false;
  }
}

bool json_query(const Ctx& ctx, const Arg* args, Value& v) {
  return query(ctx, v.str, args, v);
}

// Part 0 of a token is its header, part 1 its payload; without a path the whole JSON is given.
template <int part>
bool jwt_query(const Ctx& ctx, const Arg* args, Value& v) {
  Str rest = v.str;
  Str piece = cut(rest, '.');
  if (part == 1) piece = cut(rest, '.');
  Str json;
  if (!decode_base64(piece, true, *ctx.arena, json)) return false;
  if (args[0].present) return query(ctx, json, args, v);
  v = Value::of(json);
  return true;
}

std::string check_output(const Arg& arg) {
  return arg.str.empty() || arg.str == "int" ? std::string{} : "output_type only supports \"int\" as argument";
}
std::string check_query(Arg* args, int, Arena&) {
  if (args[0].str.empty()) return "json_path must not be empty";
  return check_output(args[1]);
}
std::string check_jwt(Arg* args, int, Arena&) {
  return check_output(args[1]);
}

// clang-format off
constexpr ConvertDef kTable[] = {
    {"json_query", 1, 2, Type::string, Type::any, json_query, check_query, "a value in JSON by its path"},
    {"jwt_header_query", 0, 2, Type::binary, Type::any, jwt_query<0>, check_jwt, "a value in the header of a JSON Web Token"},
    {"jwt_payload_query", 0, 2, Type::binary, Type::any, jwt_query<1>, check_jwt, "a value in the payload of a JSON Web Token"},
};
// clang-format on

}  // namespace

ConvertTable json_converters() {
  return kTable;
}

}  // namespace weir::expr
