// Paths the nginx way: decoded and normalised once when a request comes in (ngx_http_parse_complex_uri), escaped again when
// one is put into a request or a redirect.
#include "nginx/request.h"

namespace weir::nginx {
namespace {

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  c = lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool is_plain(Str raw) {
  char before = 0;
  for (char c : raw) {
    if (c == '%' || c == '?' || c == '#' || c == '+' || c == 0) return false;
    if (before == '/' && (c == '/' || c == '.')) return false;
    before = c;
  }
  return true;
}

// Takes "." and ".." away as they are completed; `out` holds what was written so far, always beginning with '/'.
bool close_segment(char* out, size_t& n) {
  size_t slash = n;
  while (slash > 0 && out[slash - 1] != '/') slash--;
  Str segment{out + slash, n - slash};
  if (segment == ".") {
    n = slash;
    return true;
  }
  if (segment != "..") return true;
  if (slash <= 1) return false;
  n = slash - 1;
  while (n > 0 && out[n - 1] != '/') n--;
  return true;
}

bool dots_last(const char* out, size_t n) {
  return n && out[n - 1] == '.';
}

}  // namespace

bool normalise_path(Arena& arena, Str raw, bool merge_slashes, Str& uri, Str& args) {
  args = {};
  if (is_plain(raw)) {
    uri = raw;
    return !raw.empty() && raw[0] == '/';
  }
  if (raw.empty() || raw[0] != '/') return false;
  char* out = arena.alloc_chars(raw.size() + 1);
  size_t n = 0;
  for (size_t i = 0; i < raw.size(); i++) {
    char c = raw[i];
    if (c == '#') break;
    if (c == '?') {
      args = raw.substr(i + 1);
      if (size_t hash = args.find('#'); hash != Str::npos) args = args.substr(0, hash);
      break;
    }
    if (c == '%') {
      if (i + 2 >= raw.size()) return false;
      int hi = hex_digit(raw[i + 1]), lo = hex_digit(raw[i + 2]);
      if (hi < 0 || lo < 0) return false;
      c = static_cast<char>(hi * 16 + lo);
      if (c == 0) return false;
      i += 2;
    }
    if (c == '/') {
      if (n && dots_last(out, n) && !close_segment(out, n)) return false;
      if (n && out[n - 1] == '/' && merge_slashes) continue;
      if (n && out[n - 1] == '/' && i > 0 && raw[i - 1] == '.') continue;
    }
    out[n++] = c;
  }
  if (dots_last(out, n) && !close_segment(out, n)) return false;
  if (n == 0) out[n++] = '/';
  arena.shrink(out, raw.size() + 1, n);
  uri = {out, n};
  return true;
}

namespace {

Str escape(Arena& arena, Str s, bool (*needs)(unsigned char)) {
  size_t extra = 0;
  for (char c : s) extra += needs(static_cast<unsigned char>(c)) ? 2 : 0;
  if (extra == 0) return s;
  static constexpr char kHex[] = "0123456789ABCDEF";
  char* out = arena.alloc_chars(s.size() + extra);
  char* q = out;
  for (char ch : s) {
    auto c = static_cast<unsigned char>(ch);
    if (!needs(c)) {
      *q++ = ch;
      continue;
    }
    *q++ = '%';
    *q++ = kHex[c >> 4];
    *q++ = kHex[c & 15];
  }
  return {out, static_cast<size_t>(q - out)};
}

bool unsafe(unsigned char c) {
  return c <= ' ' || c == 0x7f || c >= 0x80 || c == '"' || c == '<' || c == '>' || c == '\\' || c == '^' || c == '`' ||
         c == '{' || c == '|' || c == '}';
}

}  // namespace

Str escape_uri(Arena& arena, Str s) {
  return escape(arena, s, [](unsigned char c) { return unsafe(c) || c == '#' || c == '%' || c == '?'; });
}

Str escape_args(Arena& arena, Str s) {
  return escape(arena, s, [](unsigned char c) {
    return unsafe(c) || c == '#' || c == '%' || c == '?' || c == '&' || c == '+' || c == ';';
  });
}

}  // namespace weir::nginx
