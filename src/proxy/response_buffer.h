#pragma once
// nginx's proxy_buffering as a filter, the last one before the client.
#include "proxy/pipe.h"

namespace weir::proxy {

struct Forward;

Filter* make_response_buffer(Transaction& txn, const Forward& plan);

}  // namespace weir::proxy
