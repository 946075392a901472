// See lua/loop_guard.h. Words are told apart as LuaJIT does it: `goto` is a name, except where a statement may begin and a
// name follows; bytes of 128 and more are letters.
#include "lua/loop_guard.h"

#include <algorithm>
#include <vector>

namespace weir::lua {
namespace {

constexpr Str kCheck = "(0i)();";
constexpr Str kCheckStatement = "do (0i)() end ";  // not taken for the arguments of what stands before it
constexpr char kBytecode = 27;

constexpr Str kKeywords[] = {"and",    "break",    "do",   "else", "elseif", "end",    "false",
                             "for",    "function", "if",   "in",   "nil",    "local",  "not",
                             "repeat", "or",       "then", "true", "until",  "return", "while"};

enum class Kind : uint8_t { start, name, keyword, value, symbol, end, broken };

struct Token {
  Kind kind = Kind::start;
  size_t at = 0;
  Str text;
  bool is(Str word) const { return (kind == Kind::keyword || kind == Kind::symbol) && text == word; }
};

bool is_letter(char c) {
  return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z') || c == '_' || static_cast<unsigned char>(c) >= 128;
}

bool is_line_end(char c) {
  return c == '\n' || c == '\r';
}

class Lexer {
 public:
  explicit Lexer(Str code) : code_(code) { skip_header(); }
  bool bytecode() const { return peek(0) == kBytecode; }
  Token next();

 private:
  char peek(size_t ahead) const { return at_ + ahead < code_.size() ? code_[at_ + ahead] : '\0'; }
  void skip_header();
  bool skip_blanks();
  bool skip_long(bool& found);
  bool skip_quoted();
  void skip_number();
  template <class Wanted>
  void skip_while(Wanted wanted) {
    while (at_ < code_.size() && wanted(code_[at_])) at_++;
  }
  Token since(size_t begin, Kind kind) const { return {kind, begin, code_.substr(begin, at_ - begin)}; }

  Str code_;
  size_t at_ = 0;
};

// A byte order mark and the line for the kernel.
void Lexer::skip_header() {
  if (code_.starts_with("\xef\xbb\xbf")) at_ = 3;
  if (peek(0) == '#') skip_while([](char c) { return !is_line_end(c); });
}

// A long bracket, of a text or a comment. False: it does not end. `found`: there was one.
bool Lexer::skip_long(bool& found) {
  size_t level = 0;
  while (peek(1 + level) == '=') level++;
  found = peek(0) == '[' && peek(1 + level) == '[';
  if (!found) return true;
  std::string close = "]" + std::string(level, '=') + "]";
  size_t end = code_.find(close, at_ + level + 2);
  if (end == Str::npos) return false;
  at_ = end + close.size();
  return true;
}

bool Lexer::skip_blanks() {
  for (;;) {
    skip_while([](char c) { return c == ' ' || (c >= '\t' && c <= '\r'); });
    if (peek(0) != '-' || peek(1) != '-') return true;
    at_ += 2;
    bool found = false;
    if (!skip_long(found)) return false;
    if (!found) skip_while([](char c) { return !is_line_end(c); });
  }
}

bool Lexer::skip_quoted() {
  const char quote = code_[at_++];
  while (at_ < code_.size() && code_[at_] != quote) {
    if (is_line_end(code_[at_])) return false;
    bool escaped = code_[at_] == '\\';
    at_ += escaped ? 2 : 1;
    if (escaped && at_ <= code_.size() && code_[at_ - 1] == 'z')
      skip_while([](char c) { return c == ' ' || (c >= '\t' && c <= '\r'); });
    else if (escaped && at_ < code_.size() && code_[at_ - 1] == '\r' && code_[at_] == '\n')
      at_++;
  }
  return at_++ < code_.size();
}

// With exponents, suffixes and what else the compiler would take for a part of it.
void Lexer::skip_number() {
  char exponent = peek(0) == '0' && lower(peek(1)) == 'x' ? 'p' : 'e';
  char last = '\0';
  skip_while([&](char c) {
    bool part = is_letter(c) || c == '.' || ((c == '-' || c == '+') && lower(last) == exponent);
    last = c;
    return part;
  });
}

Token Lexer::next() {
  if (!skip_blanks()) return since(at_, Kind::broken);
  const size_t begin = at_;
  if (at_ == code_.size()) return since(begin, Kind::end);
  const char c = peek(0);
  if (is_digit(c) || (c == '.' && is_digit(peek(1)))) {
    skip_number();
    return since(begin, Kind::value);
  }
  if (is_letter(c)) {
    skip_while(is_letter);
    Token word = since(begin, Kind::name);
    if (std::find(std::begin(kKeywords), std::end(kKeywords), word.text) != std::end(kKeywords))
      word.kind = Kind::keyword;
    return word;
  }
  if (c == '"' || c == '\'') return skip_quoted() ? since(begin, Kind::value) : since(begin, Kind::broken);
  if (c == '[') {
    bool found = false;
    if (!skip_long(found)) return since(begin, Kind::broken);
    if (found) return since(begin, Kind::value);
  }
  bool twice = (c == ':' || c == '.') && peek(1) == c;
  at_ += twice && c == '.' && peek(2) == c ? 3 : twice ? 2 : 1;
  return since(begin, Kind::symbol);
}

// Whether a statement may begin behind that word.
bool may_end_statement(const Token& t) {
  constexpr Str kEnds[] = {"do",    "then", "else", "repeat", "end", "nil", "true",
                           "false", "...",  ")",    "}",      "]",   "::",  ";"};
  if (t.kind != Kind::keyword && t.kind != Kind::symbol) return true;
  return std::find(std::begin(kEnds), std::end(kEnds), t.text) != std::end(kEnds);
}

class Guard {
 public:
  Guard(Str code, std::string& out) : code_(code), out_(out) {}

  void see(const Token& t) {
    if (jump_ && t.kind == Kind::name && t.text != "goto") insert(last_.at, kCheckStatement);
    jump_ = t.kind == Kind::name && t.text == "goto" && may_end_statement(last_);
    last_ = t;
    if (t.is("function")) {
      parameters_ = true;
      blocks_.push_back(Block::body);
    } else if (t.is(")") && parameters_) {
      parameters_ = false;
      insert_behind(t);
    } else if (t.is("while") || t.is("for")) {
      blocks_.push_back(Block::head);
    } else if (t.is("do") && !blocks_.empty() && blocks_.back() == Block::head) {
      blocks_.back() = Block::body;
      insert_behind(t);
    } else if (t.is("do") || t.is("if") || t.is("repeat")) {
      blocks_.push_back(Block::body);
      if (t.is("repeat")) insert_behind(t);
    } else if ((t.is("end") || t.is("until")) && !blocks_.empty()) {
      blocks_.pop_back();
    }
  }
  // False: nothing was put in.
  bool finish() {
    out_.append(code_.substr(copied_));
    return inserted_;
  }

 private:
  enum class Block : uint8_t { head, body };  // of a loop that has not come to its `do`; anything else

  void insert(size_t at, Str text) {
    out_.append(code_.substr(copied_, at - copied_)).append(text);
    copied_ = at;
    inserted_ = true;
  }
  void insert_behind(const Token& t) { insert(t.at + t.text.size(), kCheck); }

  Str code_;
  std::string& out_;
  size_t copied_ = 0;
  bool inserted_ = false;
  bool parameters_ = false;  // those of a function follow
  bool jump_ = false;  // the last word may be a goto statement's
  Token last_;
  std::vector<Block> blocks_;
};

}  // namespace

bool guard_loops(Str code, std::string& out) {
  Lexer lexer(code);
  if (lexer.bytecode()) return false;
  out.clear();
  out.reserve(code.size() + code.size() / 8);
  Guard guard(code, out);
  for (;;) {
    Token t = lexer.next();
    if (t.kind == Kind::broken) return false;
    if (t.kind == Kind::end) return guard.finish();
    guard.see(t);
  }
}

}  // namespace weir::lua
