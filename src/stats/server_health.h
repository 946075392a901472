#pragma once
// What a server's checks say, for people: the status of servers in `show stat` and on the page, and the columns about checks.
#include <string>

#include "health/check.h"
#include "model/model.h"

namespace weir::stats {

// "UP", "UP 1/3", "DOWN (agent)", "MAINT (via b/s)", "no check" …
std::string status_of(const model::Server& server);

// The server whose checks decide about this one: itself, or the end of the chain of those that it tracks.
const model::Server& checked_server(const model::Server& server);
// Its check, if it has one that is not turned off.
const health::Check* running_check(const model::Server& server, bool agent);

}  // namespace weir::stats
