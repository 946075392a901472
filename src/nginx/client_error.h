#pragma once
// What the error log says of a request that cannot be read, in the words of ngx_http_request.c, which people's log rules match.
#include "proxy/transaction.h"

namespace weir::nginx {

// At level info, as all that clients do wrong.
void log_client_error(proxy::Transaction& txn, const Error& why);

// Whether the client left before its request was whole, and the line about it.
bool left_in_head(const proxy::Transaction& txn, const Error& why);
void log_left_in_head(const proxy::Transaction& txn, const Error& why);

}  // namespace weir::nginx
