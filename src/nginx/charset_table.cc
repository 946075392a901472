// See nginx/charset_table.h.
#include "nginx/charset_table.h"

#include <fmt/format.h>

#include <algorithm>

namespace weir::nginx {
namespace {

constexpr uint32_t kLastCode = 0xffff;  // what tables may hold, as in nginx

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  c = lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// One or two digits.
bool hex_byte(Str s, unsigned char& out) {
  if (s.empty() || s.size() > 2) return false;
  int n = 0;
  for (char c : s) {
    int digit = hex_digit(c);
    if (digit < 0) return false;
    n = n * 16 + digit;
  }
  out = static_cast<unsigned char>(n);
  return true;
}

}  // namespace

bool read_utf8(Str& s, uint32_t& code, bool& bad) {
  bad = false;
  auto first = static_cast<unsigned char>(s[0]);
  if (first < 0x80) {
    code = first;
    s.remove_prefix(1);
    return true;
  }
  size_t size = first >= 0xf0 && first < 0xf5 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 0;
  if (size == 0 || first >= 0xf5) {
    bad = true;
    return false;
  }
  code = first & (0xffu >> (size + 1));
  for (size_t i = 1; i < size; i++) {
    if (i >= s.size()) return false;
    auto c = static_cast<unsigned char>(s[i]);
    if ((c & 0xc0) != 0x80) {
      bad = true;
      return false;
    }
    code = code << 6 | (c & 0x3f);
  }
  s.remove_prefix(size);
  return true;
}

CharsetTable::CharsetTable(Str f, Str t) : from(f), to(t), utf8(iequals(t, "utf-8")) {
  for (int i = 0; i < 256; i++) {
    forth[i] = back[i] = i < 128 ? static_cast<unsigned char>(i) : '?';
    if (i < 128) to_utf8[i].bytes[0] = static_cast<char>(i);
  }
}

bool CharsetTable::add(Str left, Str right) {
  unsigned char source = 0, target = 0;
  if (!hex_byte(left, source)) return false;
  if (!utf8) {
    if (!hex_byte(right, target)) return false;
    forth[source] = target;
    back[target] = source;
    return true;
  }
  Utf8 text;
  text.size = static_cast<uint8_t>(right.size() / 2);
  if (right.size() % 2 || text.size == 0 || text.size > sizeof text.bytes - 1) return false;
  for (size_t i = 0; i < text.size; i++) {
    if (!hex_byte(right.substr(2 * i, 2), target)) return false;
    text.bytes[i] = static_cast<char>(target);
  }
  Str rest{text.bytes, text.size};
  uint32_t code = 0;
  bool bad = false;
  if (!read_utf8(rest, code, bad) || !rest.empty() || code > kLastCode) return false;
  to_utf8[source] = text;
  from_utf8.emplace_back(code, source);
  return true;
}

void CharsetTable::finish() {
  std::sort(from_utf8.begin(), from_utf8.end());
}

void CharsetConverter::convert(Str data, bool end, std::string& out) {
  if (kind_ == Conversion::from_utf8) return from_utf8(data, end, out);
  for (char c : data) {
    auto b = static_cast<unsigned char>(c);
    if (kind_ == Conversion::to_utf8)
      out.append(table_.to_utf8[b].bytes, table_.to_utf8[b].size);
    else
      out += static_cast<char>(kind_ == Conversion::bytes ? table_.forth[b] : table_.back[b]);
  }
}

void CharsetConverter::from_utf8(Str data, bool end, std::string& out) {
  std::string joined = std::move(cut_);
  cut_.clear();
  joined += data;
  Str rest = joined;
  while (!rest.empty()) {
    uint32_t code = 0;
    bool bad = false;
    if (!read_utf8(rest, code, bad)) {
      if (!bad && !end) {
        cut_ = rest;
        return;
      }
      out += '?';
      rest.remove_prefix(1);
      continue;
    }
    auto it =
        std::lower_bound(table_.from_utf8.begin(), table_.from_utf8.end(), std::pair<uint32_t, unsigned char>(code, 0));
    if (it != table_.from_utf8.end() && it->first == code)
      out += static_cast<char>(it->second);
    else if (code < 0x80)
      out += static_cast<char>(code);
    else
      out += fmt::format("&#{};", code);
  }
}

}  // namespace weir::nginx
