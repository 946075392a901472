#pragma once
// A balancer for backends whose rules may name the server: takes the named one for the first try, and asks the usual
// balancer otherwise.
#include <memory>

#include "balance/balancer.h"

namespace weir::haproxy {

std::unique_ptr<model::Balancer> make_chosen_server(std::unique_ptr<model::Balancer> usual);

}  // namespace weir::haproxy
