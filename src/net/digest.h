#pragma once
// Numbers that stand for texts which others choose.
#include <cstdint>

#include "base/str.h"

namespace weir::net {

// The beginning of a cryptographic digest: nobody can make another text that has the number of a given one. Never 0.
uint64_t digest64(Str text);

}  // namespace weir::net
