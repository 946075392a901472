// See line_builder.h.
#include "haproxy/line_builder.h"

#include <fmt/format.h>

namespace weir::haproxy {
namespace {

constexpr char kDigits[] = "0123456789ABCDEF";

}  // namespace

void LineBuilder::plain(Str s) {
  if (!(flags & (kJson | kEscape))) {
    out_ += s;
    return;
  }
  for (char c : s) {
    if (c == '"' || c == '\\' || (c == ']' && !(flags & kJson))) out_ += '\\';
    out_ += c;
  }
}

void LineBuilder::quoted(Str s) {
  out_ += '"';
  plain(s);
  out_ += '"';
}

void LineBuilder::text(Str s) {
  if (flags & kCbor) {
    if (!s.empty()) cbor_text(s.substr(0, s.find('\0')));
  } else if (flags & (kQuote | kJson)) {
    quoted(s);
  } else if (s.empty() && flags & kMandatory) {
    out_ += '-';
  } else {
    plain(s);
  }
}

void LineBuilder::fixed(Str s) {
  if (flags & kCbor)
    cbor_text(s);
  else if (flags & kJson)
    quoted(s);
  else
    plain(s);
}

void LineBuilder::absent() {
  if (flags & kEncoded)
    null();
  else
    text({});
}

void LineBuilder::integer(int64_t n) {
  if (!(flags & kCbor)) {
    fmt::format_int digits(n);
    out_.append(digits.data(), digits.size());
    return;
  }
  if (n < 0)
    cbor_head(0x20, static_cast<uint64_t>(-(n + 1)));
  else
    cbor_head(0, static_cast<uint64_t>(n));
}

void LineBuilder::boolean(bool b) {
  if (flags & kCbor)
    cbor_byte(b ? 0xf5 : 0xf4);
  else if (flags & kJson)
    out_ += b ? "true" : "false";
  else
    out_ += b ? '1' : '0';
}

void LineBuilder::number(int64_t n, int hex_digits) {
  if (!(flags & kHex)) {
    integer(n);
    return;
  }
  char digits[24];
  auto end = fmt::format_to_n(digits, sizeof digits, "{:0{}X}", static_cast<uint32_t>(n), hex_digits);
  fixed({digits, static_cast<size_t>(end.out - digits)});
}

void LineBuilder::open() {
  in_text_ = true;
  cbor_piece_.clear();
  if (!(flags & kCbor) && flags & (kQuote | kJson)) out_ += '"';
}
void LineBuilder::close() {
  if (flags & kCbor)
    cbor_text(cbor_piece_);
  else if (flags & (kQuote | kJson))
    out_ += '"';
  in_text_ = false;
}
void LineBuilder::piece(Str s) {
  if (flags & kCbor)
    cbor_piece_ += s;
  else
    plain(s);
}

void LineBuilder::escaped(Str s, char escape, bool (*special)(uint8_t)) {
  const bool alone = !in_text_;
  if (alone && flags & kEncoded) open();
  size_t plain_from = 0;
  for (size_t i = 0; i < s.size(); i++) {
    auto byte = static_cast<uint8_t>(s[i]);
    if (!special(byte)) continue;
    const char triple[] = {escape, kDigits[byte >> 4], kDigits[byte & 15]};
    piece(s.substr(plain_from, i - plain_from));
    piece({triple, 3});
    plain_from = i + 1;
  }
  piece(s.substr(plain_from));
  if (alone && flags & kEncoded) close();
}

void LineBuilder::begin_map() {
  if (flags & kJson)
    out_ += '{';
  else
    cbor_byte(0xbf);
}
void LineBuilder::end_map() {
  if (flags & kJson)
    out_ += '}';
  else
    cbor_byte(0xff);
}
void LineBuilder::key(Str name, bool first) {
  if (flags & kCbor) {
    cbor_text(name);
    return;
  }
  if (!first) out_ += ", ";
  out_ += '"';
  out_ += name;
  out_ += "\": ";
}
void LineBuilder::null() {
  if (flags & kCbor)
    cbor_byte(0xf6);
  else
    out_ += "null";
}

// CBOR is written in hexadecimal unless +bin is given.
void LineBuilder::cbor_byte(uint8_t byte) {
  if (flags & kBinary) {
    out_ += static_cast<char>(byte);
    return;
  }
  out_ += kDigits[byte >> 4];
  out_ += kDigits[byte & 15];
}
void LineBuilder::cbor_head(uint8_t major, uint64_t n) {
  if (n < 24) return cbor_byte(static_cast<uint8_t>(major | n));
  int bytes = n < 0x100 ? 1 : n < 0x10000 ? 2 : n < 0x100000000 ? 4 : 8;
  int code = bytes == 1 ? 24 : bytes == 2 ? 25 : bytes == 4 ? 26 : 27;
  cbor_byte(static_cast<uint8_t>(major | code));
  for (int i = bytes - 1; i >= 0; i--) cbor_byte(static_cast<uint8_t>(n >> (8 * i)));
}
void LineBuilder::cbor_text(Str s) {
  cbor_head(0x60, s.size());
  for (char c : s) cbor_byte(static_cast<uint8_t>(c));
}

}  // namespace weir::haproxy
