// See nginx/accel_redirect.h (ngx_http_upstream_process_headers, ngx_http_parse_unsafe_uri).
#include "nginx/accel_redirect.h"

#include "proxy/transaction.h"

namespace weir::nginx {

using http::Header;
using http::Name;
using proxy::Next;
using proxy::Transaction;

namespace {

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  c = lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool has_parent_segment(Str path) {
  while (!path.empty())
    if (cut(path, '/') == "..") return true;
  return false;
}

Str unescape(Arena& arena, Str path) {
  if (path.find('%') == Str::npos) return path;
  char* out = arena.alloc_chars(path.size());
  size_t n = 0;
  for (size_t i = 0; i < path.size(); i++) {
    int hi = i + 2 < path.size() ? hex_digit(path[i + 1]) : -1;
    int lo = hi < 0 ? -1 : hex_digit(path[i + 2]);
    bool escaped = path[i] == '%' && lo >= 0;
    out[n++] = escaped ? static_cast<char>(hi * 16 + lo) : path[i];
    if (escaped) i += 2;
  }
  return {out, n};
}

// Splits "/path?args"; the path is decoded, not normalised. False: it is empty, or has a ".." segment or a NUL.
bool split(Arena& arena, Str raw, Str& uri, Str& args) {
  size_t mark = raw.find('?');
  args = mark == Str::npos ? Str{} : raw.substr(mark + 1);
  Str path = raw.substr(0, mark);
  uri = unescape(arena, path);
  return !path.empty() && uri.find('\0') == Str::npos && !has_parent_segment(path) && !has_parent_segment(uri);
}

}  // namespace

Next accel_redirect(Transaction& txn, Str to) {
  static constexpr Name kKept[] = {Name::content_type,  Name::set_cookie, Name::content_disposition,
                                   Name::cache_control, Name::expires,    Name::accept_ranges};
  Request& r = of(txn);
  to = txn.arena.dup(to);
  keep_server_headers(txn);
  ArenaList<Header> kept;
  for (const Header& h : txn.response.headers)
    for (Name id : kKept)
      if (h.id == id && !h.removed) kept.push(txn.arena, h);
  r.kept_headers = kept;
  if (txn.request.method != http::Method::head) {
    txn.request.method = http::Method::get;
    r.method_name = "GET";
  }
  proxy::Cursor& cursor = txn.cursors[Transaction::kRequest];
  if (to.starts_with("@")) return named_location(txn, cursor, to);
  Str uri, args;
  if (!split(txn.arena, to, uri, args))
    return finish_with(txn, 404, txn.arena.cat("unsafe URI \"", to, "\" was detected"));
  return internal_redirect(txn, cursor, uri, args);
}

void keep_server_headers(Transaction& txn) {
  ArenaList<Header> all;
  for (const Header& h : txn.response.headers) all.push(txn.arena, h);
  of(txn).server_headers = all;
}

void keep_headers(Transaction& txn) {
  http::HeaderList& headers = txn.response.headers;
  for (const Header& h : of(txn).kept_headers) {
    // What the server said of the content is not for error pages.
    if (h.id == Name::content_type && txn.local_reply && txn.response.status < 300)
      headers.set(h.id, h.name, h.value);
    else if (h.id == Name::set_cookie || !headers.has(h.id))
      headers.add(h.name, h.value, h.id);
  }
}

}  // namespace weir::nginx
