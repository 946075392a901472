#pragma once
// keepalive_disable, keepalive_time.
#include "nginx/module.h"

namespace weir::nginx {

extern const Module kKeepaliveModule;

// Whether the client's connection may go on behind this answer, as far as these settings are concerned.
bool may_keep_alive(const proxy::Transaction& txn);
// The second time of keepalive_timeout, told to a client whose connection goes on.
void add_keepalive_header(proxy::Transaction& txn, http::Message& response);

}  // namespace weir::nginx
