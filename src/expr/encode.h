#pragma once
// Encodings of bytes as text and back: base64, hexadecimal, percent, JSON strings. Results lie in the arena. Used by
// converters, log formats and authentication.
#include "base/arena.h"
#include "base/str.h"

namespace weir::expr {

// The value of a hexadecimal digit, -1 for another character.
constexpr int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  c = lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// RFC 4648; with `url` the alphabet of section 5, without padding.
Str encode_base64(Str in, bool url, Arena& arena);
// False for characters outside the alphabet, a wrong length, or wrong padding. The URL form takes both, with or without
// padding.
bool decode_base64(Str in, bool url, Arena& arena, Str& out);

Str encode_hex(Str in, Arena& arena);  // upper case
// False for an odd number of digits or another character.
bool decode_hex(Str in, Arena& arena, Str& out);

// RFC 3986: everything but unreserved characters as %XX.
Str encode_url(Str in, Arena& arena);
// False for a broken %XX. `plus`: + is a space; without it that begins behind the first `?`.
bool decode_url(Str in, bool plus, Arena& arena, Str& out);

// Text for HTML, inside elements and attributes in double quotes.
void append_html(std::string& out, Str in);

// The inside of a JSON string whose input is bytes: everything that is not printable ASCII is escaped.
Str escape_json(Str in, Arena& arena);

}  // namespace weir::expr
