#pragma once
// The line that a log format is rendered into: quoting, escaping and encoding of values by the flags of each part. One
// line is built at a time per nesting level and thread; the finished text is copied to the context's arena.
#include <string>

#include "haproxy/log_format.h"

namespace weir::haproxy {

class LineBuilder {
 public:
  explicit LineBuilder(std::string& out) : out_(out) {}

  uint16_t flags = 0;  // of the part that is being rendered

  // A value as text: quoted, escaped or encoded; `-` for an empty one where that is mandatory.
  void text(Str s);
  // A short fixed text (dates, termination states): quoted in JSON only, never replaced by `-`.
  void fixed(Str s);
  void integer(int64_t n);
  void boolean(bool b);
  // Upper-case hexadecimal with +X, else decimal.
  void number(int64_t n, int hex_digits);
  void absent();
  // One value of several pieces: characters of the request, captures. `open` and `close` write the quotes.
  void open();
  void close();
  void piece(Str s);  // as it is
  void escaped(Str s, char escape, bool (*special)(uint8_t));  // special bytes as ESCAPE and two digits
  // In front of a number: `+` for totals that were not final. Not in encodings.
  void sign(char c) {
    if (!(flags & kEncoded)) out_ += c;
  }

  // CBOR and JSON structure around named values.
  void begin_map();
  void key(Str name, bool first);
  void end_map();
  void null();

  size_t size() const { return out_.size(); }
  void append(Str s) { out_ += s; }

 private:
  void quoted(Str s);
  void plain(Str s);
  void cbor_head(uint8_t major, uint64_t n);
  void cbor_byte(uint8_t byte);
  void cbor_text(Str s);

  std::string& out_;
  bool in_text_ = false;
  std::string cbor_piece_;
};

}  // namespace weir::haproxy
