#pragma once
// Gives a job the runtime sockets of its configuration: they are bound before privileges are dropped and served by the
// worker's control thread. For every face; a model without HAProxy sections has none.
#include "master/start.h"

namespace weir::tools {

void add_runtime_sockets(master::Job& job);

}  // namespace weir::tools
