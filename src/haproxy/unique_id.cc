// `unique-id-format` and `unique-id-header`: an identifier of each request, made when it is first asked for.
#include "haproxy/unique_id.h"

#include "haproxy/bind.h"
#include "haproxy/rule.h"
#include "haproxy/tables.h"

namespace weir::haproxy {

Str unique_id(Transaction& txn) {
  Exchange& x = exchange(txn);
  if (x.unique_id.data() || !x.front || !x.front->unique_id) return x.unique_id;
  x.unique_id = txn.arena.dup(header_text(*x.front->unique_id, context_for(txn)));
  return x.unique_id;
}

void add_unique_id(Transaction& txn, const Exchange& x) {
  if (!x.front || x.front->s.unique_id_header.empty() || !x.front->unique_id) return;
  txn.request.headers.set(x.front->s.unique_id_header, unique_id(txn));
}

namespace {

void bind_format(void* s, const Directive& d, const Row& row) {
  scope_of(s).proxy->s.unique_id_format = args_of(d, row)[0];
}
void bind_header(void* s, const Directive& d, const Row& row) {
  scope_of(s).proxy->s.unique_id_header = args_of(d, row)[0].text;
}

constexpr Row kRows[] = {
    {"unique-id-format", kProxies, 1, 1, Block::none, Inherit::copy, bind_format, "<fmt>",
     "format of the identifier given to each request"},
    {"unique-id-header", kFrontends, 1, 1, Block::none, Inherit::copy, bind_header, "<name>",
     "request header that carries the identifier"},
};

}  // namespace

const config::Table kUniqueIdTable = kRows;

}  // namespace weir::haproxy
