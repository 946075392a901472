// See sticky/date.h.
#include "sticky/date.h"

namespace weir::sticky {
namespace {
constexpr Str kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
}

void write_date(uint32_t s, char* out) {
  const uint32_t steps = s >> 2;
  for (int i = kDateSize - 1, shift = 0; i >= 0; i--, shift += 6) out[i] = kDigits[steps >> shift & 63];
}

uint32_t read_date(Str text) {
  if (text.size() < kDateSize) return 0;
  uint32_t steps = 0;
  for (char c : text.substr(0, kDateSize)) {
    size_t digit = kDigits.find(c);
    if (digit == Str::npos) return 0;
    steps = steps << 6 | static_cast<uint32_t>(digit);
  }
  return steps << 2;
}

}  // namespace weir::sticky
