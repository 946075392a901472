#pragma once
// Server states that `show servers state` wrote to a file, version 1: the words that name the file, and applying it to
// servers of which this machine's weir knows nothing itself (configuration.txt 3.1, `server-state-file`).
#include <functional>
#include <string>
#include <vector>

#include "haproxy/scope.h"

namespace weir::haproxy {

// Warns about a backend that asks for a global file that there is none of.
void check_state_file(Scope& scope, const Proxy& proxy);

// A line for operators: a warning, or else a notice.
using TellState = std::function<void(bool warning, const std::string& text)>;

// Reads the files that the configuration names, if any of `fresh` may be in them, and sets those. In the process that is
// about to serve, before its threads are there and while it still sees the files. Without HAProxy sections it does nothing.
void load_server_states(const model::Model& model, const std::vector<const model::Server*>& fresh,
                        const TellState& tell);

}  // namespace weir::haproxy
