#pragma once
// What operators do to servers, on the runtime socket and on the statistics page. From any thread; every shard reads the
// state at its next pick. Requests that wait for a place are woken by the caller, who knows the shards.
#include "model/model.h"

namespace weir::stats {

void set_admin(const model::Server& server, model::Admin admin);
void set_weight(const model::Server& server, int32_t weight);
// `stopping`: up, but takes nothing new.
void set_health(const model::Server& server, bool up, bool stopping);

}  // namespace weir::stats
