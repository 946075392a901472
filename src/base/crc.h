#pragma once
// Cyclic redundancy checks of 32 bits, as their names promise them bit for bit.
#include <cstdint>

#include "base/str.h"

namespace weir {

uint32_t crc32_of(Str s);  // IEEE 802.3
uint32_t crc32c_of(Str s);  // RFC 4960

}  // namespace weir
