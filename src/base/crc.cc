// See base/crc.h.
#include "base/crc.h"

#include <array>

namespace weir {
namespace {

// Reflected polynomials, one table lookup per byte.
constexpr std::array<uint32_t, 256> crc_table(uint32_t polynomial) {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? polynomial : 0);
    table[i] = crc;
  }
  return table;
}
constexpr auto kCrc32 = crc_table(0xedb88320);
constexpr auto kCrc32c = crc_table(0x82f63b78);

uint32_t crc(const std::array<uint32_t, 256>& table, Str s) {
  uint32_t crc = ~0u;
  for (char c : s) crc = crc >> 8 ^ table[(crc ^ static_cast<uint8_t>(c)) & 0xff];
  return ~crc;
}

}  // namespace

uint32_t crc32_of(Str s) {
  return crc(kCrc32, s);
}

uint32_t crc32c_of(Str s) {
  return crc(kCrc32c, s);
}

}  // namespace weir
