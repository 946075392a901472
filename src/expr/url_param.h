#pragma once
// Walking over NAME=VALUE pairs of a query or a form body, for fetches of parameters.
#include <algorithm>

#include "expr/fetch.h"

namespace weir::expr {

// The value of the next parameter called `name` (any, when it is empty) in `all`, whose place in the iteration is kept
// in ctx.iteration; without one the first is given. Pairs end at `&`, `;` and what the list began with.
inline bool next_param(const Ctx& ctx, Str all, char began_with, Str name, bool icase, Value& out) {
  size_t at = ctx.iteration ? ctx.iteration->state[0] : 0;
  if (ctx.iteration) ctx.iteration->more = false;
  const char ends[] = {'&', ';', began_with};
  while (at < all.size()) {
    size_t end = std::min(all.find_first_of(Str{ends, sizeof ends}, at), all.size());
    Str pair = all.substr(at, end - at);
    at = end + 1;
    size_t equal = pair.find('=');
    if (equal == Str::npos) continue;
    Str key = pair.substr(0, equal);
    if (!name.empty() && !(icase ? iequals(key, name) : key == name)) continue;
    out = Value::of(pair.substr(equal + 1));
    if (ctx.iteration) {
      ctx.iteration->state[0] = at;
      ctx.iteration->more = at < all.size();
    }
    return true;
  }
  return false;
}

}  // namespace weir::expr
