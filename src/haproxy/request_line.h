#pragma once
// Changing a request's start line. The parsed parts of the target follow.
#include "proxy/transaction.h"

namespace weir::haproxy {

// The whole target; characters that cannot stand in one are percent-encoded. Host follows an absolute one.
void set_target(proxy::Transaction& txn, Str target);
// The path, with its query when `with_query`.
void set_path(proxy::Transaction& txn, Str path, bool with_query);
void set_query(proxy::Transaction& txn, Str query);  // with its '?'
void set_method(proxy::Transaction& txn, Str token);

}  // namespace weir::haproxy
