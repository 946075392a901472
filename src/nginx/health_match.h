#pragma once
// `match NAME { … }`: what an answer to a health check must be (ngx_http_upstream_hc_module).
#include "health/run.h"
#include "nginx/module.h"

namespace weir::nginx {

struct HealthMatch;

extern const Module kHealthMatchModule;

// The block of that name; null: there is none.
const HealthMatch* find_match(Scope& scope, Str name);
// Looks at the answer so far; `match` null: its status has to be 2xx or 3xx. Empty when it fits, or nothing can be said before more
// comes (`more` is set); else what is wrong.
std::string look_at_answer(health::Run& run, const HealthMatch* match, bool last, bool& more);

}  // namespace weir::nginx
