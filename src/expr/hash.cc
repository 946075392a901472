// See hash.h. XXH comes from its own library, compiled in.
#include "expr/hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/crc.h"

namespace weir::expr {
namespace {

uint32_t rotate(uint32_t n, uint32_t by) {
  return by ? n << by | n >> (32 - by) : n;
}

}  // namespace

uint32_t hash_sdbm(Str s) {
  uint32_t h = 0;
  for (char c : s) h = static_cast<uint8_t>(c) + (h << 6) + (h << 16) - h;
  return h;
}

uint32_t hash_djb2(Str s) {
  uint32_t h = 5381;
  for (char c : s) h = h * 33 + static_cast<uint8_t>(c);
  return h;
}

uint32_t hash_wt6(Str s) {
  uint32_t a = 0xa53c965a;
  uint32_t b = 0x5ca6953a;
  uint32_t left = 6;
  uint32_t right = 18;
  for (char c : s) {
    auto byte = static_cast<uint8_t>(c);
    a = ~(a ^ byte);
    b = ~(b + byte);
    uint32_t next = rotate(b, left);
    b = rotate(a, right);
    a = next;
    uint32_t mix = (a >> 16 ^ b) & 0xffff;
    left = mix & 31;
    right = mix >> 11;
  }
  return a ^ b;
}

uint32_t hash_crc32(Str s) {
  return crc32_of(s);
}
uint32_t hash_crc32c(Str s) {
  return crc32c_of(s);
}
uint32_t hash_xxh32(Str s, uint32_t seed) {
  return XXH32(s.data(), s.size(), seed);
}
uint64_t hash_xxh64(Str s, uint64_t seed) {
  return XXH64(s.data(), s.size(), seed);
}
uint64_t hash_xxh3(Str s, uint64_t seed) {
  return XXH3_64bits_withSeed(s.data(), s.size(), seed);
}

// Bob Jenkins' full avalanche for 32 bits, then a product with a large prime near three quarters of the range.
uint32_t avalanche(uint32_t a) {
  a = (a + 0x7ed55d16) + (a << 12);
  a = (a ^ 0xc761c23c) ^ (a >> 19);
  a = (a + 0x165667b1) + (a << 5);
  a = (a + 0xd3a2646c) ^ (a << 9);
  a = (a + 0xfd7046c5) + (a << 3);
  a = (a ^ 0xb55a4f09) ^ (a >> 16);
  return a * 3221225473u;
}

}  // namespace weir::expr
