#pragma once
// Binding of nginx configurations: from directives to levels (bind), from levels to segments and listeners (finish).
#include <vector>

#include "nginx/module.h"

namespace weir::nginx {

void make_conf(Arena& arena, Level& level);
void bind_directives(Scope& scope, const std::vector<const Directive*>& directives);
// After the last http-level directive: merge, compile, resolve variables, make the listeners.
void finish_http(Scope& scope);

}  // namespace weir::nginx
