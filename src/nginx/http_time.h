#pragma once
// Dates of HTTP: Last-Modified, If-Modified-Since, Expires. Pure functions.
#include <cstdint>

#include "base/arena.h"

namespace weir::nginx {

// "Sun, 06 Nov 1994 08:49:37 GMT".
Str http_time(Arena& arena, int64_t seconds);
// The three forms of RFC 9110 5.6.7 (IMF-fixdate, RFC 850, asctime). False: it is none of them.
bool parse_http_time(Str text, int64_t& seconds);

}  // namespace weir::nginx
