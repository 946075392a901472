// See sticky/cookies.h.
#include "sticky/cookies.h"

namespace weir::sticky {
namespace {

// Where the name ends: at an equal sign or a delimiter.
size_t name_end(Str text, size_t at, bool commas) {
  while (at < text.size() && text[at] != '=' && text[at] != ';' && !(commas && text[at] == ',')) at++;
  return at;
}

size_t value_end(Str text, size_t at) {
  bool quoted = false;
  for (; at < text.size(); at++) {
    char c = text[at];
    if (c == '"')
      quoted = !quoted;
    else if (quoted && c == '\\')
      at++;
    else if (!quoted && (c == ';' || c == ','))
      return at;
  }
  return text.size();
}

}  // namespace

bool Cookies::next(Cookie& out) {
  if (done_) return false;
  out.before = at_ ? text_[at_ - 1] : '\0';
  size_t equal = name_end(text_, at_, !first_only_);
  out.pair = equal < text_.size() && text_[equal] == '=';
  size_t end = out.pair ? value_end(text_, equal + 1) : equal;
  out.piece = text_.substr(at_, end - at_);
  out.name = trim(text_.substr(at_, equal - at_));
  out.value = out.pair ? trim(text_.substr(equal + 1, end - equal - 1)) : Str{};
  at_ = end + 1;
  done_ = first_only_ || end >= text_.size();
  return true;
}

void CookieEdit::begin(const Cookie& at) {
  if (out_) return;
  out_ = arena_.alloc_chars(text_.size());
  auto before = static_cast<size_t>(at.piece.data() - text_.data());
  size_ = before ? before - 1 : 0;
  if (size_) memcpy(out_, text_.data(), size_);
}

void CookieEdit::add(char before, Str piece) {
  if (size_)
    out_[size_++] = before;
  else
    while (!piece.empty() && (piece[0] == ' ' || piece[0] == '\t')) piece.remove_prefix(1);
  if (!piece.empty()) memcpy(out_ + size_, piece.data(), piece.size());
  size_ += piece.size();
}

void CookieEdit::keep(const Cookie& cookie) {
  if (out_) add(cookie.before, cookie.piece);
}

void CookieEdit::shorten(const Cookie& cookie, Str value) {
  begin(cookie);
  auto name = static_cast<size_t>(cookie.value.data() - cookie.piece.data());
  add(cookie.before, cookie.piece.substr(0, name));
  if (!value.empty()) memcpy(out_ + size_, value.data(), value.size());
  size_ += value.size();
}

}  // namespace weir::sticky
