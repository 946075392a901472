#pragma once
#include "nginx/module.h"

namespace weir::nginx {

extern const Module kHealthCheckModule;

}  // namespace weir::nginx
