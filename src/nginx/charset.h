#pragma once
// charset, source_charset, charset_map: what a text response says about its characters, and conversions.
#include "nginx/module.h"

namespace weir::nginx {

extern const Module kCharsetModule;

// The charset that a response of that Content-Type will have here; empty when none is added.
Str charset_for(proxy::Transaction& txn, Str content_type);

}  // namespace weir::nginx
