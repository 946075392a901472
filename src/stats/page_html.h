#pragma once
// Between the files of the HTML page.
#include "base/str.h"

namespace weir::stats {

extern const Str kPageStyle;

}  // namespace weir::stats
