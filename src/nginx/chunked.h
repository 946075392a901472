#pragma once
// chunked_transfer_encoding: whether bodies of unknown length may be sent in chunks.
#include "nginx/module.h"

namespace weir::nginx {

extern const Module kChunkedModule;
bool chunked_allowed(proxy::Transaction& txn);

}  // namespace weir::nginx
