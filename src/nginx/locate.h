#pragma once
// Finding the location of a URI.
#include "nginx/module.h"

namespace weir::nginx {

void build_lookup(Location& level);  // sorts the children for look-ups
// Makes the pattern's named groups variables.
void define_captures(Scope& scope, const expr::Regex& regex);

}  // namespace weir::nginx
