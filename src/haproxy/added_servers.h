#pragma once
// Servers that operators add to backends and delete while these serve (management.txt 9.3, `add server`, `del server`), made from
// words as server lines are.
#include "control/server_maker.h"

namespace weir::haproxy {

// For a model that HAProxy sections went into, which owns it.
control::ServerMaker& server_maker(model::Model& model);

}  // namespace weir::haproxy
