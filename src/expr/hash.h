#pragma once
// The hash functions that HAProxy's words name. Their results are part of configurations (base32, balance hash …), so
// they are bit for bit what the names promise.
#include <cstdint>

#include "base/str.h"

namespace weir::expr {

uint32_t hash_sdbm(Str s);
uint32_t hash_djb2(Str s);
uint32_t hash_wt6(Str s);
uint32_t hash_crc32(Str s);  // IEEE 802.3
uint32_t hash_crc32c(Str s);  // RFC 4960
uint32_t hash_xxh32(Str s, uint32_t seed);
uint64_t hash_xxh64(Str s, uint64_t seed);
uint64_t hash_xxh3(Str s, uint64_t seed);
// Spreads a hash over 32 bits (HAProxy's "avalanche").
uint32_t avalanche(uint32_t a);

}  // namespace weir::expr
