#pragma once
// nginx's answers to the core's questions; see proxy/personality.h.
#include "proxy/personality.h"

namespace weir::nginx {

const proxy::Personality& personality();

// What the Server header and the built-in pages call this program; set once by the face before traffic starts.
void set_product(Str with_version, Str without);
Str product(const proxy::Transaction& txn);

}  // namespace weir::nginx
