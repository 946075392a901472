#pragma once
// MurmurHash2 with seed 0, as nginx's split_clients and hash keys have it: results are part of configurations.
#include <cstdint>

#include "base/str.h"

namespace weir::nginx {

uint32_t murmur2(Str s);

}  // namespace weir::nginx
