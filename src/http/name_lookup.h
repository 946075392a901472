#pragma once
// The lookup behind name_id (http/names.h): a perfect hash over length, first, middle and last byte whose multiplier the
// compiler searches, then one comparison with the only candidate. A header of its own so that the head parser, which does
// this for every line, has it inline. Everybody else calls name_id.
#include <array>
#include <cstring>

#include "http/names.h"

namespace weir::http::name_lookup {

inline constexpr size_t kNames = static_cast<size_t>(Name::count_);
inline constexpr Str kText[kNames] = {"",
#define WEIR_NAME_TEXT(id, text) text,
                                      WEIR_HEADER_NAMES(WEIR_NAME_TEXT)
#undef WEIR_NAME_TEXT
};
inline constexpr size_t kShortest = 2;
inline constexpr size_t kLongest = 25;

// One name for comparison: the lower-case text, and the bits that input has to have like it (all but 0x20 under letters).
struct alignas(32) Candidate {
  char text[32] = {};
  char same[32] = {};
};

inline constexpr std::array<Candidate, kNames> kCandidates = [] {
  std::array<Candidate, kNames> table{};
  for (size_t i = 1; i < kNames; i++) {
    for (size_t j = 0; j < kText[i].size(); j++) {
      char c = lower(kText[i][j]);
      table[i].text[j] = c;
      table[i].same[j] = static_cast<char>(c >= 'a' && c <= 'z' ? 0xdf : 0xff);
    }
  }
  return table;
}();
inline constexpr std::array<uint8_t, kNames> kLength = [] {
  std::array<uint8_t, kNames> table{};
  for (size_t i = 1; i < kNames; i++) table[i] = static_cast<uint8_t>(kText[i].size());
  return table;
}();

inline constexpr unsigned kSlotBits = 9;
inline constexpr size_t kSlots = size_t{1} << kSlotBits;

constexpr size_t slot(const char* name, size_t n, uint32_t multiplier) {
  uint32_t key = static_cast<uint8_t>(name[0]) | static_cast<uint32_t>(static_cast<uint8_t>(name[n / 2])) << 8 |
                 static_cast<uint32_t>(static_cast<uint8_t>(name[n - 1])) << 16;
  key = (key | 0x202020) ^ static_cast<uint32_t>(n) << 24;
  return (key * multiplier) >> (32 - kSlotBits);
}

constexpr bool is_perfect(uint32_t multiplier) {
  std::array<bool, kSlots> taken{};
  for (size_t i = 1; i < kNames; i++) {
    size_t s = slot(kText[i].data(), kText[i].size(), multiplier);
    if (taken[s]) return false;
    taken[s] = true;
  }
  return true;
}

inline constexpr uint32_t kMultiplier = [] {
  uint32_t m = 0x9e3779b1;
  for (int tries = 0; tries < 20000; tries++) {
    if (is_perfect(m)) return m;
    m = (m * 1664525 + 1013904223) | 1;
  }
  return uint32_t{0};
}();
static_assert(kMultiplier != 0, "two header names share length, first, middle and last byte: widen the key");

inline constexpr std::array<uint8_t, kSlots> kSlotName = [] {
  std::array<uint8_t, kSlots> table{};
  for (size_t i = 1; i < kNames; i++)
    table[slot(kText[i].data(), kText[i].size(), kMultiplier)] = static_cast<uint8_t>(i);
  return table;
}();

static_assert(
    [] {
      for (size_t i = 1; i < kNames; i++)
        if (kText[i].size() < kShortest || kText[i].size() > kLongest) return false;
      return true;
    }(),
    "kShortest and kLongest are out of date");

template <class Word>
inline Word load(const char* p) {
  Word w;
  memcpy(&w, p, sizeof w);
  return w;
}

// Bits at [at, at + sizeof(Word)) in which the name differs from the candidate in more than case.
template <class Word>
inline Word differs(const char* name, const Candidate& candidate, size_t at) {
  return (load<Word>(name + at) ^ load<Word>(candidate.text + at)) & load<Word>(candidate.same + at);
}

[[gnu::always_inline]] inline Name find(Str name) {
  size_t n = name.size();
  if (n - kShortest > kLongest - kShortest) return Name::other;
  const char* p = name.data();
  uint8_t i = kSlotName[slot(p, n, kMultiplier)];
  if (kLength[i] != n) return Name::other;
  const Candidate& c = kCandidates[i];
  // Two words that overlap cover any length up to twice their size.
  uint64_t diff;
  if (n >= 8) {
    diff = differs<uint64_t>(p, c, 0) | differs<uint64_t>(p, c, n - 8);
    if (n > 16) diff |= differs<uint64_t>(p, c, 8) | differs<uint64_t>(p, c, n - 16);
  } else if (n >= 4) {
    diff = differs<uint32_t>(p, c, 0) | differs<uint32_t>(p, c, n - 4);
  } else {
    diff = differs<uint16_t>(p, c, 0) | differs<uint16_t>(p, c, n - 2);
  }
  return diff ? Name::other : static_cast<Name>(i);
}

}  // namespace weir::http::name_lookup
