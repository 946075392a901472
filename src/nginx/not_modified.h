#pragma once
// Preconditions of requests against a response that could be 200 (RFC 9110 13).
#include "http/message.h"
#include "proxy/transaction.h"

namespace weir::nginx {

enum class Precondition : uint8_t { pass, not_modified, failed };

// Looks at the request's If-* headers and the response's ETag and Last-Modified.
Precondition check_preconditions(proxy::Transaction& txn, const http::Message& response);

}  // namespace weir::nginx
