// Location look-up in nginx's order (ngx_http_core_find_location): an exact match ends it; else the longest prefix; a
// nested level is searched in the same way; regular expressions follow in order unless the prefix says ^~.
#include "nginx/locate.h"

#include <algorithm>

#include "expr/regex.h"
#include "nginx/core.h"
#include "nginx/request.h"

namespace weir::nginx {

using proxy::Cursor;
using proxy::Next;
using proxy::Transaction;

void build_lookup(Location& level) {
  for (Location* c : level.children) {
    if (c->kind == MatchKind::prefix || c->kind == MatchKind::no_regex) level.prefixes.push_back(c);
    if (c->kind == MatchKind::exact) level.exacts.push_back(c);
    if (c->kind == MatchKind::regex) level.regexes.push_back(c);
  }
  auto by_name = [](const Location* a, const Location* b) { return a->name < b->name; };
  std::sort(level.prefixes.begin(), level.prefixes.end(), by_name);
  std::sort(level.exacts.begin(), level.exacts.end(), by_name);
  // Each prefix knows the next shorter one that contains it: the look-up walks up from the nearest in order.
  std::vector<Location*> open;
  for (Location* p : level.prefixes) {
    while (!open.empty() && !p->name.starts_with(open.back()->name)) open.pop_back();
    p->up = open.empty() ? nullptr : open.back();
    open.push_back(p);
  }
}

namespace {

struct Found {
  const Location* location = nullptr;
  bool final = false;  // no regular expressions after this one
};

const Location* longest_prefix(const Location& level, Str uri) {
  auto it = std::upper_bound(level.prefixes.begin(), level.prefixes.end(), uri,
                             [](Str u, const Location* l) { return u < l->name; });
  if (it == level.prefixes.begin()) return nullptr;
  const Location* l = *--it;
  while (l && !uri.starts_with(l->name)) l = l->up;
  return l;
}

const Location* exact(const Location& level, Str uri) {
  auto it = std::lower_bound(level.exacts.begin(), level.exacts.end(), uri,
                             [](const Location* l, Str u) { return l->name < u; });
  return it != level.exacts.end() && (*it)->name == uri ? *it : nullptr;
}

Found find(Transaction& txn, const Location& level, Str uri) {
  if (!level.exacts.empty())
    if (const Location* e = exact(level, uri)) return {e, true};
  Found found;
  if (!level.prefixes.empty())
    if (const Location* p = longest_prefix(level, uri)) {
      found.location = p;
      found.final = p->kind == MatchKind::no_regex;
      if (!p->children.empty()) {
        Found inner = find(txn, *p, uri);
        if (inner.location) {
          if (inner.final) return inner;
          found.location = inner.location;
        }
      }
    }
  if (found.final) return found;
  for (const Location* r : level.regexes) {
    if (!match(txn, *r->regex, uri)) continue;
    if (!r->children.empty()) {
      Found inner = find(txn, *r, uri);
      if (inner.location) return {inner.location, true};
    }
    return {r, true};
  }
  return found;
}

// "/a" where only "/a/" exists and is proxied: a permanent redirect, as nginx does for locations with an upstream.
const Location* missing_slash(const Location& level, Str uri) {
  for (const Location* l : level.prefixes)
    if (l->auto_redirect && l->name.size() == uri.size() + 1 && l->name.starts_with(uri)) return l;
  return nullptr;
}

}  // namespace

Next find_location(Transaction& txn, Cursor& cursor, const void*) {
  Request& r = of(txn);
  const Location& top = r.server->level;
  if (const Location* l = missing_slash(top, r.uri); l && !exact(top, r.uri)) {
    r.location = l;
    return redirect(txn, 301, txn.arena.cat(escape_uri(txn.arena, l->name), r.args.empty() ? "" : "?", r.args));
  }
  Found found = find(txn, top, r.uri);
  r.location = found.location ? found.location : &top;
  txn.where = &r.location->request_segment;
  cursor.target_segment = &r.location->request_segment;
  return Next::goto_;
}

}  // namespace weir::nginx
