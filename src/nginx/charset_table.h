#pragma once
// Conversion tables of charset_map: between two sets of one byte per character, or from one to UTF-8; each works both ways.
#include <string>
#include <vector>

#include "base/str.h"

namespace weir::nginx {

struct CharsetTable {
  struct Utf8 {
    uint8_t size = 1;
    char bytes[5] = {'?'};
  };
  Str from;
  Str to;
  bool utf8 = false;  // `to` is UTF-8
  unsigned char forth[256];
  unsigned char back[256];
  Utf8 to_utf8[256];
  std::vector<std::pair<uint32_t, unsigned char>> from_utf8;  // sorted by code point

  CharsetTable(Str from, Str to);
  // "C0 FEE5 …": hexadecimal. False: not understood.
  bool add(Str left, Str right);
  void finish();  // after the last add
};

enum class Conversion : uint8_t { bytes, bytes_back, to_utf8, from_utf8 };

// Converts a stream piece by piece; a character that is cut at the end of a piece waits for the next one.
class CharsetConverter {
 public:
  CharsetConverter(const CharsetTable& table, Conversion kind) : table_(table), kind_(kind) {}
  void convert(Str data, bool end, std::string& out);

 private:
  void from_utf8(Str data, bool end, std::string& out);
  const CharsetTable& table_;
  Conversion kind_;
  std::string cut_;
};

// The code point at the front of `s`, which is shortened by it. False: incomplete (`s` unchanged) or, with `bad`, no UTF-8.
bool read_utf8(Str& s, uint32_t& code, bool& bad);

}  // namespace weir::nginx
