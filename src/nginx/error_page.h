#pragma once
// Error pages: error_page, the built-in pages, internal redirects.
#include "nginx/module.h"

namespace weir::nginx {
extern const Module kErrorPageModule;

// The words behind the status in a status line that is made here, in nginx's wording; empty where there are none.
Str status_reason(uint16_t status);
// Answers with the built-in page of the status, whatever error_page says.
proxy::Next answer_plainly(proxy::Transaction& txn, uint16_t status);
// The built-in HTML page of a status, as nginx words it; empty when there is none.
Str builtin_page(proxy::Transaction& txn, uint16_t status);

}  // namespace weir::nginx
