#pragma once
// Gives a job its statistics: the catalogue of what is served, for the page, and the runtime sockets of its configuration,
// which are bound before privileges are dropped and served by the worker's control thread. For every face; a model without
// HAProxy sections has no runtime sockets.
#include "master/start.h"

namespace weir::tools {

void add_statistics(master::Job& job);

}  // namespace weir::tools
