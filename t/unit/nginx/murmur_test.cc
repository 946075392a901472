// MurmurHash2 with seed 0: nginx/murmur.cc. Values of the reference implementation.
#include "nginx/murmur.h"

#include <criterion/criterion.h>

using weir::nginx::murmur2;

Test(murmur, known_values) {
  cr_expect(murmur2("") == 0);
  cr_expect(murmur2("a") == 0x92685f5eu);
  cr_expect(murmur2("ab") == 0x1aa14063u);
  cr_expect(murmur2("abc") == 0x13577c9bu);
  cr_expect(murmur2("abcd") == 0x26873021u);
  cr_expect(murmur2("abcdefgh") == 0x042287e6u);
  cr_expect(murmur2("127.0.0.1") == 0xb6131d91u);
  cr_expect(murmur2("hello, world") == 0x4b4c9d80u);
}
