#pragma once
// Error pages: error_page, the built-in pages, internal redirects.
#include "nginx/module.h"

namespace weir::nginx {
extern const Module kErrorPageModule;

// The built-in HTML page of a status, as nginx words it; empty when there is none.
Str builtin_page(proxy::Transaction& txn, uint16_t status);

}  // namespace weir::nginx
