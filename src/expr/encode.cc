// See encode.h.
#include "expr/encode.h"

#include <array>

namespace weir::expr {
namespace {

constexpr char kBase64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr char kBase64Url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr char kUpperHex[] = "0123456789ABCDEF";

constexpr std::array<int8_t, 256> digits_of(const char* alphabet) {
  std::array<int8_t, 256> table{};
  table.fill(-1);
  for (int i = 0; i < 64; i++) table[static_cast<uint8_t>(alphabet[i])] = static_cast<int8_t>(i);
  return table;
}
constexpr auto kDigits = digits_of(kBase64);
constexpr auto kUrlDigits = digits_of(kBase64Url);

bool unreserved(char c) {
  return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z') || c == '-' || c == '.' || c == '_' || c == '~';
}

}  // namespace

Str encode_base64(Str in, bool url, Arena& arena) {
  const char* alphabet = url ? kBase64Url : kBase64;
  char* p = arena.alloc_chars((in.size() + 2) / 3 * 4);
  char* out = p;
  for (size_t i = 0; i < in.size(); i += 3) {
    size_t left = in.size() - i;
    auto byte = [&](size_t k) { return k < left ? static_cast<uint8_t>(in[i + k]) : 0u; };
    uint32_t bits = byte(0) << 16 | byte(1) << 8 | byte(2);
    *out++ = alphabet[bits >> 18];
    *out++ = alphabet[bits >> 12 & 63];
    if (left > 1)
      *out++ = alphabet[bits >> 6 & 63];
    else if (!url)
      *out++ = '=';
    if (left > 2)
      *out++ = alphabet[bits & 63];
    else if (!url)
      *out++ = '=';
  }
  return {p, static_cast<size_t>(out - p)};
}

bool decode_base64(Str in, bool url, Arena& arena, Str& out) {
  const auto& digits = url ? kUrlDigits : kDigits;
  if (!url && in.size() % 4) return false;
  for (int i = 0; i < 2 && in.ends_with('='); i++) in.remove_suffix(1);
  if (in.size() % 4 == 1) return false;
  char* p = arena.alloc_chars(in.size() / 4 * 3 + 3);
  char* end = p;
  uint32_t bits = 0;
  int have = 0;
  for (char c : in) {
    int8_t digit = digits[static_cast<uint8_t>(c)];
    if (digit < 0) return false;
    bits = bits << 6 | static_cast<uint8_t>(digit);
    have += 6;
    if (have < 8) continue;
    have -= 8;
    *end++ = static_cast<char>(bits >> have);
  }
  out = {p, static_cast<size_t>(end - p)};
  return true;
}

Str encode_hex(Str in, Arena& arena) {
  char* p = arena.alloc_chars(in.size() * 2);
  for (size_t i = 0; i < in.size(); i++) {
    auto byte = static_cast<uint8_t>(in[i]);
    p[2 * i] = kUpperHex[byte >> 4];
    p[2 * i + 1] = kUpperHex[byte & 15];
  }
  return {p, in.size() * 2};
}

bool decode_hex(Str in, Arena& arena, Str& out) {
  if (in.size() % 2) return false;
  char* p = arena.alloc_chars(in.size() / 2);
  for (size_t i = 0; i < in.size(); i += 2) {
    int high = hex_value(in[i]);
    int low = hex_value(in[i + 1]);
    if (high < 0 || low < 0) return false;
    p[i / 2] = static_cast<char>(high << 4 | low);
  }
  out = {p, in.size() / 2};
  return true;
}

Str encode_url(Str in, Arena& arena) {
  char* p = arena.alloc_chars(in.size() * 3);
  char* out = p;
  for (char c : in) {
    if (unreserved(c)) {
      *out++ = c;
      continue;
    }
    *out++ = '%';
    *out++ = kUpperHex[static_cast<uint8_t>(c) >> 4];
    *out++ = kUpperHex[static_cast<uint8_t>(c) & 15];
  }
  arena.shrink(p, in.size() * 3, static_cast<size_t>(out - p));
  return {p, static_cast<size_t>(out - p)};
}

bool decode_url(Str in, bool plus, Arena& arena, Str& out) {
  char* p = arena.alloc_chars(in.size());
  char* end = p;
  for (size_t i = 0; i < in.size(); i++) {
    char c = in[i];
    if (c == '?') plus = true;
    if (c == '%') {
      if (i + 2 >= in.size()) return false;
      int high = hex_value(in[i + 1]);
      int low = hex_value(in[i + 2]);
      if (high < 0 || low < 0) return false;
      c = static_cast<char>(high << 4 | low);
      i += 2;
    } else if (c == '+' && plus) {
      c = ' ';
    }
    *end++ = c;
  }
  out = {p, static_cast<size_t>(end - p)};
  return true;
}

Str escape_json(Str in, Arena& arena) {
  char* p = arena.alloc_chars(in.size() * 6);
  char* out = p;
  for (char c : in) {
    auto byte = static_cast<uint8_t>(c);
    if (c == '"' || c == '\\') {
      *out++ = '\\';
      *out++ = c;
    } else if (byte >= 0x20 && byte < 0x7f) {
      *out++ = c;
    } else {
      static constexpr Str kShort = "\bb\tt\nn\ff\rr";
      size_t at = kShort.find(c);
      *out++ = '\\';
      if (at != Str::npos && at % 2 == 0) {
        *out++ = kShort[at + 1];
        continue;
      }
      memcpy(out, "u00", 3);
      out[3] = static_cast<char>(lower(kUpperHex[byte >> 4]));
      out[4] = static_cast<char>(lower(kUpperHex[byte & 15]));
      out += 5;
    }
  }
  arena.shrink(p, in.size() * 6, static_cast<size_t>(out - p));
  return {p, static_cast<size_t>(out - p)};
}

void append_html(std::string& out, Str in) {
  for (char c : in) {
    switch (c) {
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '&': out += "&amp;"; break;
      case '"': out += "&quot;"; break;
      default: out += c;
    }
  }
}

}  // namespace weir::expr
