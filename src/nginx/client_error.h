#pragma once
// What the error log says of a request that cannot be read, in the words of ngx_http_request.c, which people's log rules match.
#include "proxy/transaction.h"

namespace weir::nginx {

// At level info, as all that clients do wrong.
void log_client_error(proxy::Transaction& txn, const Error& why);

// The target of a request whose line came whole, while the rest of its head did not.
Str target_that_came(const http::Message& request);

// Whether the client left, or took too long, before its request was whole, and the line about it.
bool left_in_head(const proxy::Transaction& txn, const Error& why);
void log_left_in_head(const proxy::Transaction& txn, const Error& why);

}  // namespace weir::nginx
