// See nginx/murmur.h.
#include "nginx/murmur.h"

namespace weir::nginx {

uint32_t murmur2(Str s) {
  constexpr uint32_t kMix = 0x5bd1e995;
  auto byte = [&](size_t i) { return static_cast<uint32_t>(static_cast<unsigned char>(s[i])); };
  auto h = static_cast<uint32_t>(s.size());
  size_t at = 0;
  for (; s.size() - at >= 4; at += 4) {
    uint32_t k = byte(at) | byte(at + 1) << 8 | byte(at + 2) << 16 | byte(at + 3) << 24;
    k *= kMix;
    k ^= k >> 24;
    k *= kMix;
    h = (h * kMix) ^ k;
  }
  if (size_t left = s.size() - at) {
    for (size_t i = 0; i < left; i++) h ^= byte(at + i) << (8 * i);
    h *= kMix;
  }
  h ^= h >> 13;
  h *= kMix;
  return h ^ h >> 15;
}

}  // namespace weir::nginx
