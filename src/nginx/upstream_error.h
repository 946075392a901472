#pragma once
// Lines of the error log about servers, in nginx's words: what failed, the errno, what was being done. Called by the
// personality when an attempt or a request failed.
#include "base/error.h"

namespace weir::proxy {
class Transaction;
}

namespace weir::nginx {

// Logs a failure of the server or of finding one. A failure that was logged for the attempt is not told again for the
// request that it ends.
void log_server_error(proxy::Transaction& txn, const Error& why);
// The same for a response that broke off after its head had gone to the client.
void log_broken_response(const proxy::Transaction& txn, const Error& why);
// A server reached max_fails.
void log_disabled(proxy::Transaction& txn, const Error& why);

}  // namespace weir::nginx
