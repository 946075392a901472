#pragma once
// Dates as HAProxy's cookies carry them: four-second steps since 1970 in five characters of base64, highest bits first. Programs
// that take over from one another read each other's.
#include <cstdint>

#include "base/str.h"

namespace weir::sticky {

inline constexpr size_t kDateSize = 5;

// Seconds since 1970 to `out`, rounded down to four.
void write_date(uint32_t s, char* out);
// The date that `text` begins with; 0: it begins with none.
uint32_t read_date(Str text);

}  // namespace weir::sticky
