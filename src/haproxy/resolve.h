#pragma once
// After all lines were bound: names meet their objects, proxies get their segments, plans and pools, and what HAProxy warns
// about is said. Two halves: pools first, so that another personality can find them; names when everything is there.
#include "haproxy/scope.h"

namespace weir::haproxy {

void make_pools(Scope& scope);
void resolve(Scope& scope);

}  // namespace weir::haproxy
