// net/digest.h: numbers that stand for texts.
#include "net/digest.h"

#include <criterion/criterion.h>
#include <string.h>

#include <string>

using namespace weir;
using namespace weir::net;

// The vectors of SipHash's authors: the key 00 01 … 0f, and the bytes 00, 01, … of the length.
Test(digest, siphash_of_its_authors) {
  const std::array<uint64_t, 2> key{0x0706050403020100, 0x0f0e0d0c0b0a0908};
  std::string bytes;
  cr_expect_eq(siphash(key, {}, bytes), 0x726fdb47dd0e0e31);
  for (char c = 0; c < 15; c++) bytes += c;
  cr_expect_eq(siphash(key, {}, Str(bytes).substr(0, 8)), 0x93f5f5799a932462);
  cr_expect_eq(siphash(key, {}, bytes), 0xa129ca6149be45e5);
  cr_expect_eq(siphash(key, {0x0706050403020100}, Str(bytes).substr(8)), 0xa129ca6149be45e5, "a number is its bytes");
}

Test(digest, keyed) {
  cr_expect_eq(keyed64({1, 2}, "name"), keyed64({1, 2}, "name"));
  cr_expect_neq(keyed64({1, 2}, "name"), keyed64({1, 2}, "nama"));
  cr_expect_neq(keyed64({1, 2}, "name"), keyed64({2, 1}, "name"));
  cr_expect_neq(keyed64({1}, "a"), keyed64({1}, Str("a\0", 2)));
}
