#pragma once
// least_conn, least_time, random, ip_hash, hash, peak_ewma: how a group chooses its servers when not by round robin.
#include "nginx/module.h"

namespace weir::nginx {

extern const Module kBalancingModule;

// Whether the method that the group has named so far leaves room for backup servers.
bool method_takes_backups(Scope& scope, const model::Pool& pool);
// And whether it heeds the weights of servers that start slowly.
bool method_takes_slow_start(Scope& scope, const model::Pool& pool);

}  // namespace weir::nginx
