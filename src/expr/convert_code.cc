// Converters between bytes and their encodings as text.
#include <fmt/format.h>

#include <string>

#include "expr/encode.h"
#include "expr/tables.h"

namespace weir::expr {
namespace {

template <bool url>
bool to_base64(const Ctx& ctx, const Arg*, Value& v) {
  v = Value::of(encode_base64(v.str, url, *ctx.arena));
  return true;
}
template <bool url>
bool from_base64(const Ctx& ctx, const Arg*, Value& v) {
  Str out;
  if (!decode_base64(v.str, url, *ctx.arena, out)) return false;
  v = Value::of_binary(out);
  return true;
}
bool to_hex(const Ctx& ctx, const Arg*, Value& v) {
  v = Value::of(encode_hex(v.str, *ctx.arena));
  return true;
}
bool hex_to_int(const Ctx&, const Arg*, Value& v) {
  uint64_t n = 0;
  for (char c : v.str) {
    int digit = hex_value(c);
    if (digit < 0) return false;
    n = n << 4 | static_cast<uint64_t>(digit);
  }
  v = Value::of(static_cast<int64_t>(n));
  return true;
}
bool to_base2(const Ctx& ctx, const Arg*, Value& v) {
  char* p = ctx.arena->alloc_chars(v.str.size() * 8);
  for (size_t i = 0; i < v.str.size() * 8; i++) p[i] = v.str[i / 8] >> (7 - i % 8) & 1 ? '1' : '0';
  v = Value::of(Str{p, v.str.size() * 8});
  return true;
}

bool to_url(const Ctx& ctx, const Arg*, Value& v) {
  v = Value::of(encode_url(v.str, *ctx.arena));
  return true;
}
std::string check_url_enc(Arg* args, int, Arena&) {
  if (!args[0].str.empty() && args[0].str != "query") return "Unexpected encode type. Allowed value is 'query'";
  return {};
}
bool from_url(const Ctx& ctx, const Arg* args, Value& v) {
  Str out;
  if (!decode_url(v.str, args[0].number != 0, *ctx.arena, out)) return false;
  v = Value::of(out);
  return true;
}

// Numbers of `size` bytes each, in decimal, with a separator between them.
template <bool big_endian>
bool to_decimals(const Ctx& ctx, const Arg* args, Value& v) {
  auto size = static_cast<size_t>(args[1].number);
  thread_local std::string out;
  out.clear();
  for (size_t at = 0; at < v.str.size(); at += size) {
    Str chunk = v.str.substr(at, size);
    if (args[2].number && chunk.size() < size) break;
    uint64_t n = 0;
    for (size_t i = 0; i < chunk.size(); i++) {
      uint64_t byte = static_cast<uint8_t>(chunk[i]);
      n = big_endian ? n << 8 | byte : n | byte << (8 * i);
    }
    if (at) out += args[0].str;
    fmt::format_to(std::back_inserter(out), "{}", n);
  }
  v = Value::of(ctx.arena->dup(out));
  return true;
}
std::string check_decimals(Arg* args, int, Arena&) {
  if (args[1].number <= 0 || args[1].number > 8)
    return fmt::format("chunk_size out of [1..8] range ({})", args[1].number);
  if (args[2].number != 0 && args[2].number != 1) return fmt::format("Unsupported truncate value ({})", args[2].number);
  return {};
}

bool to_hex_chunks(const Ctx& ctx, const Arg* args, Value& v) {
  auto size = static_cast<size_t>(args[1].number);
  if (args[0].str.empty() && !args[2].number) return to_hex(ctx, args, v);
  thread_local std::string out;
  out.clear();
  for (size_t at = 0; at < v.str.size(); at += size) {
    Str chunk = v.str.substr(at, size);
    if (args[2].number && chunk.size() < size) break;
    if (at) out += args[0].str;
    out += encode_hex(chunk, *ctx.arena);
  }
  v = Value::of(ctx.arena->dup(out));
  return true;
}
std::string check_hex_chunks(Arg* args, int, Arena&) {
  if (args[1].number <= 0 && (!args[0].str.empty() || args[2].number))
    return fmt::format("chunk_size needs to be positive ({})", args[1].number);
  if (args[2].number != 0 && args[2].number != 1) return fmt::format("Unsupported truncate value ({})", args[2].number);
  return {};
}

enum JsonInput : int64_t { kAscii, kUtf8, kUtf8Skip, kUtf8Permissive, kUtf8PermissiveSkip };

// Takes one character off `s`. False when its bytes are no UTF-8: one byte is taken. `overlong`: it could have been
// written shorter.
bool next_utf8(Str& s, uint32_t& c, bool& overlong) {
  static constexpr uint32_t kLeast[] = {0, 0x80, 0x800, 0x10000};
  auto first = static_cast<uint8_t>(s[0]);
  size_t more = first < 0x80                    ? 0
                : first >= 0xc0 && first < 0xe0 ? 1
                : first >= 0xe0 && first < 0xf0 ? 2
                : first >= 0xf0 && first < 0xf8 ? 3
                                                : 4;
  overlong = false;
  if (more == 4 || s.size() <= more) {
    s.remove_prefix(1);
    return false;
  }
  c = more == 0 ? first : first & (0x3fu >> more);
  for (size_t i = 1; i <= more; i++) {
    auto byte = static_cast<uint8_t>(s[i]);
    if ((byte & 0xc0) != 0x80) {
      s.remove_prefix(i);
      return false;
    }
    c = c << 6 | (byte & 0x3f);
  }
  s.remove_prefix(more + 1);
  overlong = c < kLeast[more];
  return !(c >= 0xd800 && c < 0xe000);
}

void append_json(std::string& out, uint32_t c) {
  static constexpr Str kShort = "\"\"\\\\//\bb\ff\rr\nn\tt";
  for (size_t i = 0; i < kShort.size(); i += 2) {
    if (c != static_cast<uint8_t>(kShort[i])) continue;
    out += '\\';
    out += kShort[i + 1];
    return;
  }
  if (c >= 0x20 && c < 0x7f)
    out += static_cast<char>(c);
  else
    fmt::format_to(std::back_inserter(out), "\\u{:04x}", c);
}

bool to_json(const Ctx& ctx, const Arg* args, Value& v) {
  const auto mode = static_cast<JsonInput>(args[0].number);
  const bool skip = mode == kUtf8Skip || mode == kUtf8PermissiveSkip;
  const bool strict = mode == kUtf8 || mode == kUtf8Skip;
  thread_local std::string out;
  out.clear();
  for (Str rest = v.str; !rest.empty();) {
    uint32_t c = static_cast<uint8_t>(rest[0]);
    if (mode == kAscii) {
      rest.remove_prefix(1);
    } else {
      bool overlong = false;
      bool good = next_utf8(rest, c, overlong) && !(overlong && strict) && c <= 0xffff;
      if (!good && !skip) return false;
      if (!good) continue;
    }
    append_json(out, c);
  }
  v = Value::of(ctx.arena->dup(out));
  return true;
}
std::string check_json(Arg* args, int, Arena&) {
  static constexpr Str kModes[] = {"ascii", "utf8", "utf8s", "utf8p", "utf8ps"};
  for (size_t i = 0; i < std::size(kModes); i++) {
    if (args[0].str != kModes[i] && !(i == 0 && args[0].str.empty())) continue;
    args[0].number = static_cast<int64_t>(i);
    return {};
  }
  return "Unexpected input code type. Allowed value are 'ascii', 'utf8', 'utf8s', 'utf8p' and 'utf8ps'";
}

constexpr Type kText = Type::string;
constexpr Type kBytes = Type::binary;

// clang-format off
constexpr ConvertDef kTable[] = {
    {"b64dec", 0, 0, kText, kBytes, from_base64<false>, nullptr, "decodes base64"},
    {"base2", 0, 0, kBytes, kText, to_base2, nullptr, "the bits as text"},
    {"base64", 0, 0, kBytes, kText, to_base64<false>, nullptr, "encodes as base64"},
    {"be2dec", 1, 3, kBytes, kText, to_decimals<true>, check_decimals, "big-endian numbers in decimal", "sii"},
    {"be2hex", 1, 3, kBytes, kText, to_hex_chunks, check_hex_chunks, "hexadecimal with separators", "sii"},
    {"hex", 0, 0, kBytes, kText, to_hex, nullptr, "upper-case hexadecimal"},
    {"hex2i", 0, 0, kText, Type::integer, hex_to_int, nullptr, "the number written in hexadecimal"},
    {"json", 0, 1, kText, kText, to_json, check_json, "escapes for the inside of a JSON string"},
    {"le2dec", 1, 3, kBytes, kText, to_decimals<false>, check_decimals, "little-endian numbers in decimal", "sii"},
    {"ub64dec", 0, 0, kText, kBytes, from_base64<true>, nullptr, "decodes base64url"},
    {"ub64enc", 0, 0, kBytes, kText, to_base64<true>, nullptr, "encodes as base64url without padding"},
    {"url_dec", 0, 1, kText, kText, from_url, nullptr, "decodes %XX, and + in queries or with argument 1", "i"},
    {"url_enc", 1, 1, kText, kText, to_url, check_url_enc, "encodes as %XX for a query"},
};
// clang-format on

}  // namespace

ConvertTable code_converters() {
  return kTable;
}

}  // namespace weir::expr
