#pragma once
// X-Accel-Redirect: a server's answer that has the request answered by another location.
#include "nginx/request.h"

namespace weir::nginx {

// Drops the answer and goes to `to`: "/path?args" or "@name". Its kept headers go with the answer that is made there.
proxy::Next accel_redirect(proxy::Transaction& txn, Str to);
// Puts those headers into the response.
void keep_headers(proxy::Transaction& txn);
// Before an answer from here takes the place of the server's: $upstream_http_… and $upstream_cookie_… go on showing the latter.
void keep_server_headers(proxy::Transaction& txn);

}  // namespace weir::nginx
