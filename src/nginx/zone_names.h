#pragma once
// Names of shared memory zones: each has one use (ngx_shared_memory_add()).
#include "nginx/module.h"

namespace weir::nginx {

// `name`, which `word` gives, is for `use` from here on, a directive's name. False after the error that it has another one.
bool claim_zone(Scope& scope, const config::Word& word, Str name, Str use);

}  // namespace weir::nginx
