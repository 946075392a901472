#pragma once
// What operators, checks and name servers change about servers, with its date and its part in the statistics. From any thread; every
// shard reads the state at its next pick. Requests that wait for a place are woken by the caller, who knows the shards.
#include <functional>

#include "model/model.h"

namespace weir::stats {

void set_admin(const model::Server& server, model::Admin admin);
void set_weight(const model::Server& server, int32_t weight);
// `set` gives it another address, or none.
void set_place(const model::Server& server, const std::function<void()>& set);
// `stopping`: up, but takes nothing new.
void set_health(const model::Server& server, bool up, bool stopping);

}  // namespace weir::stats
