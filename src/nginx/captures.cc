// Regular expressions of a request: the last match's captures for $1 … $9, named groups as variables.
#include "expr/regex.h"
#include "nginx/locate.h"
#include "nginx/request.h"
#include "proxy/transaction.h"

namespace weir::nginx {
namespace {

// A named group's variable: its text in the last match that had the group.
bool fetch_named(const expr::Ctx&, const expr::Arg*, Value&) {
  return false;  // the slot is set by match(); unset means no match yet
}

}  // namespace

void define_captures(Scope& scope, const expr::Regex& regex) {
  for (const auto& n : regex.names()) scope.http->variables.define(scope.arena, n.name, fetch_named, nullptr);
}

bool match(proxy::Transaction& txn, const expr::Regex& regex, Str subject) {
  expr::Match m = regex.match(subject);
  if (!m) return false;
  Request& r = of(txn);
  auto* kept = txn.arena.array<size_t>(static_cast<size_t>(m.count) * 2);
  memcpy(kept, m.offsets, sizeof(size_t) * static_cast<size_t>(m.count) * 2);
  r.capture_subject = m.subject.data();
  r.capture_count = static_cast<uint32_t>(m.count);
  r.captures = kept;
  for (const auto& n : regex.names())
    if (const Variable* v = r.http->variables.find(n.name)) set_slot(txn, *v, m.group(n.group));
  return true;
}

}  // namespace weir::nginx
