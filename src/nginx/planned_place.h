#pragma once
// --allow-planned: the levels of an nginx configuration that planned words stand in answer 501. Called while binding,
// between merging the levels and building their programs.
#include "nginx/module.h"

namespace weir::nginx {

// Sets Level::planned where a planned word stands, and in all levels inside; warns of each place once.
void close_planned(Scope& scope);
// The first step of such a level; `conf` is its Planned.
proxy::Next answer_planned(proxy::Transaction& txn, proxy::Cursor& cursor, const void* conf);

}  // namespace weir::nginx
