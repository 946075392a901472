#pragma once
// A reading position in a Source that keeps line and column up to date. Both lexers move one of these; it is copied
// freely and lives as long as the reading of one file.
#include "config/source.h"

namespace weir::config {

struct Cursor {
  explicit Cursor(const Source& s) : source(&s), text(s.text) {}

  bool done() const { return pos >= text.size(); }
  // The byte `ahead` of the position, or NUL behind the end.
  char peek(size_t ahead = 0) const { return pos + ahead < text.size() ? text[pos + ahead] : '\0'; }
  void advance() {
    if (text[pos++] == '\n') {
      line++;
      line_start = pos;
    }
  }
  void advance(size_t n) {
    while (n-- > 0 && !done()) advance();
  }
  // Moves onto the next LF, or to the end.
  void to_line_end() {
    size_t at = text.find('\n', pos);
    pos = at == Str::npos ? text.size() : at;
  }
  Where where(size_t length = 1) const {
    return {source, line, static_cast<uint32_t>(pos - line_start + 1), static_cast<uint32_t>(length)};
  }

  const Source* source;
  Str text;
  size_t pos = 0;
  uint32_t line = 1;
  size_t line_start = 0;
};

// How the C locale's isspace sees a byte.
constexpr bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

}  // namespace weir::config
