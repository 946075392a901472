#pragma once
// The values of directives that are accepted without effect. nginx refuses a file for a wrong one all the same, and a file that
// is right here has to be right there.
#include "nginx/module.h"

namespace weir::nginx {

// Checks the arguments against the row's syntax, where that is made of kinds of values that are known here. False: a problem was
// reported.
bool check_idle_values(Scope& scope, const Directive& d, const Row& row);

}  // namespace weir::nginx
