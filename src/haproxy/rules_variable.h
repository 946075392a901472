#pragma once
// What the runtime socket needs of variables.
#include <string>
#include <vector>

#include "base/str.h"

namespace weir::haproxy {

// Sets a `proc.` variable to the value of an expression, or of a format. What is wrong, or empty.
std::string set_process_variable(Str name, const std::vector<std::string>& words, bool format);

}  // namespace weir::haproxy
