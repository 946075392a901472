// See config/lua_block.h. Braces inside strings, long brackets and comments do not count.
#include "config/lua_block.h"

#include <fmt/format.h>

namespace weir::config {
namespace {

// The level of the long bracket that opens at `cursor` (`[[` is 0, `[=[` is 1), or -1.
int bracket_level(const Cursor& cursor, size_t ahead) {
  if (cursor.peek(ahead) != '[') return -1;
  int level = 0;
  while (cursor.peek(ahead + 1 + static_cast<size_t>(level)) == '=') level++;
  return cursor.peek(ahead + 1 + static_cast<size_t>(level)) == '[' ? level : -1;
}

// Moves behind the closing bracket of `level`. False at the end of the text.
bool skip_long_bracket(Cursor& cursor, int level) {
  std::string closing = "]" + std::string(static_cast<size_t>(level), '=') + "]";
  size_t at = cursor.text.find(closing, cursor.pos);
  if (at == Str::npos) return false;
  cursor.advance(at + closing.size() - cursor.pos);
  return true;
}

// Moves behind a quoted string. A line end that is not escaped ends it too: Lua will refuse it later, in its own words.
void skip_string(Cursor& cursor) {
  char quote = cursor.peek();
  cursor.advance();
  while (!cursor.done()) {
    char c = cursor.peek();
    if (c == '\n') return;
    cursor.advance();
    if (c == quote) return;
    if (c == '\\' && !cursor.done()) cursor.advance();
  }
}

bool missing_bracket(Diagnostics& diag, const Where& where, int level) {
  std::string closing = "]" + std::string(static_cast<size_t>(level), '=') + "]";
  diag.error(where, fmt::format("the Lua long bracket that opens here is not closed by {}", closing),
             fmt::format("close it with {}", closing))
      .product = fmt::format("Lua code block missing the closing long bracket \"{}\"", closing);
  return false;
}

// Skips one token that starts at the cursor and may hide braces. False, with an error, when it does not end.
bool skip_token(Cursor& cursor, Diagnostics& diag) {
  bool comment = cursor.peek() == '-' && cursor.peek(1) == '-';
  size_t skip = comment ? 2 : 0;
  int level = bracket_level(cursor, skip);
  if (level >= 0) {
    Where where = cursor.where(skip + 2 + static_cast<size_t>(level));
    cursor.advance(where.length);
    if (!skip_long_bracket(cursor, level)) return missing_bracket(diag, where, level);
  } else if (comment) {
    cursor.to_line_end();
  } else if (cursor.peek() == '"' || cursor.peek() == '\'') {
    skip_string(cursor);
  } else {
    cursor.advance();
  }
  return true;
}

}  // namespace

bool read_lua_block(Cursor& cursor, Str& body, Diagnostics& diag) {
  size_t begin = cursor.pos;
  Where opening = cursor.where();
  opening.column--;
  size_t depth = 1;
  while (!cursor.done()) {
    char c = cursor.peek();
    if (c == '{') {
      depth++;
    } else if (c == '}' && --depth == 0) {
      body = cursor.text.substr(begin, cursor.pos - begin);
      cursor.advance();
      return true;
    }
    if (!skip_token(cursor, diag)) {
      cursor.advance(cursor.text.size() - cursor.pos);
      body = cursor.text.substr(begin);
      return false;
    }
  }
  body = cursor.text.substr(begin);
  diag.error(opening, "the Lua block that opens here is not closed", "close it with }").product =
      "unexpected end of file, expecting terminating characters for lua code block";
  return false;
}

}  // namespace weir::config
