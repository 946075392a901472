#pragma once
// The cookies of Cookie and Set-Cookie headers as places in their text: what persistence looks for, takes out and changes. Reading
// allocates nothing, whatever a client sends; see haproxy/cookie.cc for who asks.
#include "base/arena.h"
#include "base/str.h"

namespace weir::sticky {

// One cookie, as views into the header's value.
struct Cookie {
  Str piece;  // all between two delimiters
  Str name;  // without the white space around it; of one without an equal sign: its text
  Str value;  // as it stands, quotes included
  bool pair = false;  // it has an equal sign
  char before = 0;  // the delimiter in front of it; 0: it is the first one
};

// Walks over a header's cookies. Delimiters inside quotes separate nothing; quotes that are never closed reach to the end.
class Cookies {
 public:
  // `first_only`: a Set-Cookie, where attributes follow the cookie and commas separate nothing.
  explicit Cookies(Str text, bool first_only = false) : text_(text), done_(text.empty()), first_only_(first_only) {}
  bool next(Cookie& out);

 private:
  Str text_;
  size_t at_ = 0;
  bool done_;
  bool first_only_;
};

// A Cookie header that some cookies leave: each one that Cookies gives is kept, dropped or given another value, in order. Memory is
// only taken once something changes. No text grows by it.
class CookieEdit {
 public:
  CookieEdit(Arena& arena, Str text) : arena_(arena), text_(text) {}
  void keep(const Cookie& cookie);
  void drop(const Cookie& cookie) { begin(cookie); }
  // `value` must be a part of the cookie's own.
  void shorten(const Cookie& cookie, Str value);
  bool changed() const { return out_; }
  Str text() const { return out_ ? Str(out_, size_) : text_; }

 private:
  void begin(const Cookie& at);
  void add(char before, Str piece);

  Arena& arena_;
  Str text_;
  char* out_ = nullptr;
  size_t size_ = 0;
};

}  // namespace weir::sticky
