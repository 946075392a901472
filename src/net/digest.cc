// See net/digest.h.
#include "net/digest.h"

#include <openssl/sha.h>
#include <string.h>

#include <bit>
#include <random>

namespace weir::net {
namespace {

const std::array<uint64_t, 2> kKey = [] {
  std::random_device device;
  std::array<uint64_t, 2> key;
  for (uint64_t& half : key) half = uint64_t{device()} << 32 | device();
  return key;
}();

struct SipState {
  uint64_t v0, v1, v2, v3;

  void round() {
    v0 += v1, v2 += v3;
    v1 = std::rotl(v1, 13) ^ v0;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 = std::rotl(v0, 32);
    v2 += v1, v0 += v3;
    v1 = std::rotl(v1, 17) ^ v2;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 = std::rotl(v2, 32);
  }
  void take(uint64_t word) {
    v3 ^= word;
    round();
    round();
    v0 ^= word;
  }
};

}  // namespace

uint64_t siphash(const std::array<uint64_t, 2>& key, std::initializer_list<uint64_t> numbers, Str text) {
  static_assert(std::endian::native == std::endian::little);
  SipState s{key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d, key[0] ^ 0x6c7967656e657261,
             key[1] ^ 0x7465646279746573};
  for (uint64_t n : numbers) s.take(n);
  uint64_t last = uint64_t{numbers.size() * 8 + text.size()} << 56;
  for (; text.size() >= 8; text.remove_prefix(8)) {
    uint64_t word;
    memcpy(&word, text.data(), sizeof word);
    s.take(word);
  }
  for (size_t i = 0; i < text.size(); i++) last |= uint64_t{static_cast<unsigned char>(text[i])} << 8 * i;
  s.take(last);
  s.v2 ^= 0xff;
  for (int i = 0; i < 4; i++) s.round();
  return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

uint64_t keyed64(std::initializer_list<uint64_t> numbers, Str text) {
  return siphash(kKey, numbers, text);
}

uint64_t digest64(Str text) {
  unsigned char sum[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), sum);
  uint64_t n = 0;
  memcpy(&n, sum, sizeof n);
  return n | 1;
}

}  // namespace weir::net
