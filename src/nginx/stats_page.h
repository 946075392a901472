#pragma once
// `stats_page`, weir's own word for its statistics page in a location.
#include "nginx/module.h"

namespace weir::nginx {

extern const Module kStatsPageModule;

}  // namespace weir::nginx
