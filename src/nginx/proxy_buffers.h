#pragma once
// The memory and temporary files for answers of servers: proxy_buffer_size, proxy_buffers, proxy_max_temp_file_size, and the words
// beside them that have no effect here but limit each other, so that a file that nginx refuses is refused.
#include "nginx/module.h"

namespace weir::nginx {

extern const Module kProxyBuffersModule;

uint32_t response_memory(const Location& location);
uint64_t max_temp_file(const Location& location);

}  // namespace weir::nginx
