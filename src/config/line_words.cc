// See config/line_words.h. The order of the cases in step() is HAProxy's: it decides, for one, that a `#` ends a word
// and that a variable counts inside double quotes only.
#include "config/line_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace weir::config {
namespace {

constexpr size_t kMaxWords = 64;  // HAProxy's MAX_LINE_ARGS

bool is_alpha(char c) {
  return lower(c) >= 'a' && lower(c) <= 'z';
}

bool is_name(char c) {
  return is_alpha(c) || is_digit(c) || c == '_';
}

// Bytes that mean themselves wherever they stand.
constexpr std::array<bool, 256> kOrdinary = [] {
  std::array<bool, 256> ordinary{};
  for (int c = 0x21; c < 0x7f; c++) ordinary[c] = Str("\"#$';\\{}").find(static_cast<char>(c)) == Str::npos;
  return ordinary;
}();

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  c = lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

}  // namespace

WordsEnd LineWords::run(Mode mode, Cursor& cursor, std::vector<Word>& words) {
  mode_ = mode;
  in_ = &cursor;
  words_ = &words;
  built_.clear();
  kinds_ = 0;
  in_word_ = in_acl_ = false;
  quote_ = 0;
  for (;;) {
    WordsEnd end = WordsEnd::text;
    if (ends_here(end)) {
      if (quote_) {
        fail(quote_where_, fmt::format("the quote {} is not closed on its line", quote_), "close it",
             fmt::format("unmatched quote at position {}:", quote_where_.column));
        end = WordsEnd::failed;
      }
      if (in_word_) finish_word(end == WordsEnd::statement || end == WordsEnd::open ? in_->pos - 1 : in_->pos);
      if (end == WordsEnd::text && in_acl_) acl_not_closed();
      if (end != WordsEnd::failed && words.size() > kMaxWords) {
        fail(words[kMaxWords].where, fmt::format("a statement has at most {} words", kMaxWords), "",
             fmt::format("too many words, truncating after word {}, position {}: <{}>.", kMaxWords,
                         words[kMaxWords - 1].where.column, words[kMaxWords - 1].text));
        end = WordsEnd::failed;
      }
      return end;
    }
    if (!step()) {
      in_->to_line_end();
      return WordsEnd::failed;
    }
  }
}

// Whether the run ends at the cursor, and how. Structural bytes of the brace modes are consumed.
bool LineWords::ends_here(WordsEnd& end) {
  if (in_->done()) {
    end = WordsEnd::text;
    return true;
  }
  char c = in_->peek();
  if ((c == '\n' || c == '\r') && (mode_ == Mode::line || quote_)) {
    end = WordsEnd::line;
    return true;
  }
  return mode_ != Mode::line && !quote_ && braces_end_here(end);
}

bool LineWords::braces_end_here(WordsEnd& end) {
  char c = in_->peek();
  char next = in_->peek(1);
  // A `;` inside an ACL is an ordinary character, but one that ends its line says that the ACL's end was forgotten.
  if (in_acl_ && !(c == ';' && (next == '\n' || next == '\r'))) return false;
  if (c == ';') {
    if (in_acl_) acl_not_closed();
    end = WordsEnd::statement;
  } else if (c == '{' && mode_ == Mode::header) {
    end = WordsEnd::open;
  } else if (c == '{' && !in_word_ && !words_->empty() && words_->front().text.ends_with("_by_lua_block")) {
    end = WordsEnd::open;
  } else if (c == '}' && !in_word_) {
    end = WordsEnd::close;
  } else {
    return false;
  }
  in_->advance();
  return true;
}

// Consumes one character, escape, variable, comment or stretch of space. False after an error, which is reported.
bool LineWords::step() {
  char c = in_->peek();
  if (c == '#' && !quote_) {
    if (in_word_) finish_word(in_->pos);
    in_->to_line_end();
  } else if ((c == '"' && quote_ != '\'') || (c == '\'' && quote_ != '"')) {
    toggle_quote(c);
  } else if (c == '\\' && quote_ != '\'') {
    return escape();
  } else if (is_space(c) && !quote_) {
    if (in_word_) finish_word(in_->pos);
    // HAProxy takes all of a stretch of space, so a CR ends the line only directly behind a word.
    do in_->advance();
    while (is_space(in_->peek()) && (mode_ != Mode::line || in_->peek() != '\n'));
  } else if (c == '$' && quote_ == '"') {
    return variable();
  } else if (kOrdinary[static_cast<uint8_t>(c)]) {
    ordinary();
  } else {
    Cursor from = *in_;
    // The brace that closes an anonymous ACL may stand directly before the `;`.
    bool closes_acl = mode_ == Mode::statement && in_acl_ && c == '}' && !in_word_ && !quote_ && in_->peek(1) == ';';
    put(c, from);
    in_->advance();
    if (closes_acl) finish_word(in_->pos);
  }
  return true;
}

void LineWords::ordinary() {
  size_t end = in_->pos + 1;
  while (end < in_->text.size() && kOrdinary[static_cast<uint8_t>(in_->text[end])]) end++;
  begin(*in_);
  kinds_ |= quote_ == '"' ? kDouble : quote_ == '\'' ? kSingle : kPlain;
  empty_quote_ = false;
  built_.append(in_->text.substr(in_->pos, end - in_->pos));
  in_->pos = end;
}

void LineWords::toggle_quote(char c) {
  if (quote_) {
    quote_ = 0;
    if (empty_quote_) {
      Cursor opening = *in_;
      begin(opening);
      kinds_ |= c == '"' ? kDouble : kSingle;
      empty_quote_ = false;
    }
  } else {
    quote_ = c;
    quote_where_ = in_->where();
    quote_begin_ = in_->pos;
    empty_quote_ = true;
  }
  in_->advance();
}

bool LineWords::escape() {
  Cursor from = *in_;
  char next = in_->peek(1);
  char sent = '\\';
  size_t length = 2;
  switch (next) {
    case ' ':
    case '\\':
    case '#':
    case '\'':
    case '"': sent = next; break;
    case 't': sent = '\t'; break;
    case 'n': sent = '\n'; break;
    case 'r': sent = '\r'; break;
    case 'x': return hex_escape();
    case '$':
      if (quote_ == '"') {
        sent = next;
        break;
      }
      [[fallthrough]];
    default: length = 1;
  }
  put(sent, from);
  in_->advance(length);
  return true;
}

bool LineWords::hex_escape() {
  int high = hex_digit(in_->peek(2));
  int low = high < 0 ? -1 : hex_digit(in_->peek(3));
  if (low < 0) {
    return fail(in_->where(2), "\\x is followed by two hexadecimal digits", "write \\\\x for a backslash and an x",
                fmt::format("truncated or invalid hexadecimal sequence at position {}:", in_->where().column));
  }
  Cursor from = *in_;
  put(static_cast<char>(high * 16 + low), from);
  in_->advance(4);
  return true;
}

// `$NAME`, `${NAME}`, `${NAME-default}`, `${NAME[*]}` and the pseudo-variables that start with a dot.
bool LineWords::variable() {
  Cursor from = *in_;
  in_->advance();
  Cursor brace = *in_;
  bool braced = in_->peek() == '{';
  if (braced) in_->advance();
  char first = in_->peek();
  if (!is_alpha(first) && first != '_' && first != '.') {
    return fail(in_->where(), "a variable's name starts with a letter, _ or .", "write \\$ for a dollar sign",
                fmt::format("forbidden first char in environment variable name at position {}:", in_->where().column));
  }
  Cursor name_at = *in_;
  in_->advance();
  while (is_name(in_->peek())) in_->advance();
  Str name = in_->text.substr(name_at.pos, in_->pos - name_at.pos);
  std::optional<Str> value;
  if (!variable_value(name, value)) {
    return fail(
        name_at.where(name.size()), fmt::format("there is no variable {}", name),
        "the variables with a dot are .FILE, .LINE and .SECTION",
        fmt::format("forbidden first char in environment variable name at position {}:", name_at.where().column));
  }
  bool as_words = false;
  if (braced && !variable_tail(brace, value, as_words)) return false;
  if (as_words) empty_quote_ = false;  // an empty list is no word at all, not an empty one
  if (value) {
    emit_value(*value, as_words, from);
  } else if (!as_words) {
    begin(from);
    kinds_ |= kDouble;
  }
  return true;
}

bool LineWords::variable_value(Str name, std::optional<Str>& value) {
  if (!name.starts_with('.')) {
    value = environment_.get(name);
  } else if (name == ".FILE") {
    value = in_->source->path;
  } else if (name == ".LINE") {
    value = tree_.keep(std::to_string(in_->line));
  } else if (name == ".SECTION") {
    value = section_;
  } else {
    return false;
  }
  return true;
}

// What follows the name inside braces, up to and with the `}`.
bool LineWords::variable_tail(const Cursor& brace, std::optional<Str>& value, bool& as_words) {
  if (in_->peek() == '[') {
    if (in_->peek(1) != '*' || in_->peek(2) != ']') {
      return fail(in_->where(), "only [*] can follow a variable's name", "",
                  fmt::format("truncated or invalid word expansion sequence at position {}:", in_->where().column));
    }
    as_words = true;
    in_->advance(3);
  }
  if (in_->peek() == '-') {
    in_->advance();
    size_t from = in_->pos;
    while (!in_->done() && in_->peek() != '}' && in_->peek() != '\n' && in_->peek() != '\r') in_->advance();
    if (!value) value = in_->text.substr(from, in_->pos - from);
  }
  if (in_->peek() != '}') {
    return fail(brace.where(), "the brace after $ is not closed", "close it with }",
                fmt::format("unmatched brace in environment variable name at position {}:", brace.where().column));
  }
  in_->advance();
  return true;
}

void LineWords::emit_value(Str value, bool as_words, const Cursor& from) {
  for (char c : value) {
    if (as_words && is_space(c)) {
      if (in_word_) finish_word(in_->pos);
    } else {
      put(c, from);
    }
  }
}

void LineWords::begin(const Cursor& at) {
  if (in_word_) return;
  in_word_ = true;
  built_.clear();
  kinds_ = 0;
  // A word that starts inside a quote starts at the quote, unless a variable's value was split there.
  bool at_quote = (quote_ || empty_quote_) && (words_->empty() || words_->back().where.line != quote_where_.line ||
                                               words_->back().where.column < quote_where_.column);
  word_where_ = at_quote ? quote_where_ : at.where();
  word_begin_ = at_quote ? quote_begin_ : at.pos;
}

void LineWords::put(char c, const Cursor& from) {
  begin(from);
  kinds_ |= quote_ == '"' ? kDouble : quote_ == '\'' ? kSingle : kPlain;
  empty_quote_ = false;
  built_ += c;
}

// Ends the word, whose source text ends before `raw_end`.
void LineWords::finish_word(size_t raw_end) {
  Word word;
  Str raw = in_->text.substr(word_begin_, raw_end - word_begin_);
  word.text = raw == built_ ? raw : tree_.keep(built_);
  word.quote = kinds_ == kSingle   ? Quote::single_quoted
               : kinds_ == kDouble ? Quote::double_quoted
               : kinds_ == kPlain  ? Quote::none
                                   : Quote::mixed;
  word.where = word_where_;
  word.where.length = static_cast<uint32_t>(std::max<size_t>(raw.size(), 1));
  if (mode_ == Mode::statement && kinds_ == kPlain) {
    if (word.text == "{" || word.text == "!{") {
      in_acl_ = true;
      acl_where_ = word.where;
    } else if (word.text == "}") {
      in_acl_ = false;
    }
  }
  words_->push_back(word);
  in_word_ = false;
  built_.clear();
  kinds_ = 0;
}

void LineWords::acl_not_closed() {
  diag_.error(acl_where_, "the anonymous ACL that opens here is not closed", "close it with } between spaces");
}

bool LineWords::fail(Where where, std::string text, std::string remedy, Str product) {
  diag_.error(where, std::move(text), std::move(remedy)).product = product;
  return false;
}

}  // namespace weir::config
