#pragma once
// --allow-planned: the proxies that planned words stand in answer 501, or close the connection in tcp mode. Called once,
// after all names were resolved.
#include "haproxy/scope.h"

namespace weir::haproxy {

// A word in a proxy's section closes the proxy, one in `defaults` all that start from it, one in `global`, `userlist` or
// `http-errors` every proxy. What other sections hold is only reached by planned words. Warns of each place once.
void close_planned(Scope& scope);

}  // namespace weir::haproxy
