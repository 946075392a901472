#pragma once
// Numbers that stand for texts which others choose.
#include <array>
#include <cstdint>
#include <initializer_list>

#include "base/str.h"

namespace weir::net {

// The beginning of a cryptographic digest: nobody can make another text that has the number of a given one. Never 0.
uint64_t digest64(Str text);
// Numbers and a text in one number that is good within this process, for less than a tenth of that: SipHash-2-4 with a key that
// nobody else knows, so that nobody can make two of them alike.
uint64_t keyed64(std::initializer_list<uint64_t> numbers, Str text);
uint64_t siphash(const std::array<uint64_t, 2>& key, std::initializer_list<uint64_t> numbers, Str text);

}  // namespace weir::net
