#pragma once
// What a byte may be in an HTTP/1 message, as one table of bits, and the run scanners of the head and trailer parsers: they
// return the first byte that needs a decision, 16 bytes at a time where the CPU has SSE2. Internal to the HTTP/1 codec.
#include <array>
#include <cstdint>

#include "base/str.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace weir::http {

enum CharClass : uint8_t {
  kPlainName = 1,  // letter, digit, '-': what nginx takes in a header name without further options
  kToken = 2,  // RFC 9110 5.6.2
  kValue = 4,  // HTAB, SP, visible ASCII, bytes from 0x80 on
  kHostName = 8,  // RFC 3986 reg-name without ',', which would make one Host look like two
  kHexDigit = 16,
  kTarget = 32,  // visible ASCII without '#'
};

inline constexpr std::array<uint8_t, 256> kCharClass = [] {
  std::array<uint8_t, 256> table{};
  for (int i = 0; i < 256; i++) {
    char c = static_cast<char>(i);
    bool letter = lower(c) >= 'a' && lower(c) <= 'z';
    uint8_t bits = 0;
    if (letter || is_digit(c) || c == '-') bits |= kPlainName | kToken | kHostName;
    if (Str("!#$%&'*+.^_`|~").find(c) != Str::npos) bits |= kToken;
    if (Str("._~!$&'()*+;=%").find(c) != Str::npos) bits |= kHostName;
    if (c == '\t' || (i >= 0x20 && i != 0x7f)) bits |= kValue;
    if (i > 0x20 && i < 0x7f && c != '#') bits |= kTarget;
    if (is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'f')) bits |= kHexDigit;
    table[static_cast<size_t>(i)] = bits;
  }
  return table;
}();

constexpr bool is(char c, uint8_t classes) {
  return kCharClass[static_cast<uint8_t>(c)] & classes;
}
constexpr bool is_blank(char c) {
  return c == ' ' || c == '\t';
}
constexpr bool all_are(Str s, uint8_t classes) {
  for (char c : s)
    if (!is(c, classes)) return false;
  return true;
}

// The scanners need a sentinel before `end`, a line feed, which no class contains. They load whole blocks only while those
// end at or before `end`.

// The first byte from `p` on that is not in `kClass`, byte by byte.
template <uint8_t kClass>
inline const char* skip_class(const char* p) {
  while (is(*p, kClass)) p++;
  return p;
}

// Past a run of kPlainName.
inline const char* skip_plain_name(const char* p, [[maybe_unused]] const char* end) {
#ifdef __SSE2__
  const __m128i fold = _mm_set1_epi8(0x20);
  while (end - p >= 16) {
    __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    __m128i letter = _mm_sub_epi8(_mm_or_si128(block, fold), _mm_set1_epi8('a'));
    __m128i digit = _mm_sub_epi8(block, _mm_set1_epi8('0'));
    __m128i good = _mm_cmpeq_epi8(_mm_min_epu8(letter, _mm_set1_epi8(25)), letter);
    good = _mm_or_si128(good, _mm_cmpeq_epi8(_mm_min_epu8(digit, _mm_set1_epi8(9)), digit));
    good = _mm_or_si128(good, _mm_cmpeq_epi8(block, _mm_set1_epi8('-')));
    unsigned bad = static_cast<unsigned>(_mm_movemask_epi8(good)) ^ 0xffff;
    if (bad) return p + __builtin_ctz(bad);
    p += 16;
  }
#endif
  return skip_class<kPlainName>(p);
}

// Past a run of kValue.
inline const char* skip_value(const char* p, [[maybe_unused]] const char* end) {
#ifdef __SSE2__
  while (end - p >= 16) {
    __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    __m128i stop = _mm_cmpeq_epi8(_mm_min_epu8(block, _mm_set1_epi8(0x1f)), block);
    stop = _mm_or_si128(stop, _mm_cmpeq_epi8(block, _mm_set1_epi8(0x7f)));
    unsigned bad = static_cast<unsigned>(_mm_movemask_epi8(stop));
    if (bad) {
      p += __builtin_ctz(bad);
      if (*p != '\t') return p;
      p++;
    } else {
      p += 16;
    }
  }
#endif
  return skip_class<kValue>(p);
}

// Past a run of kTarget.
inline const char* skip_target(const char* p, [[maybe_unused]] const char* end) {
#ifdef __SSE2__
  while (end - p >= 16) {
    __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    __m128i stop = _mm_cmpeq_epi8(_mm_min_epu8(block, _mm_set1_epi8(0x20)), block);
    stop = _mm_or_si128(stop, _mm_cmpeq_epi8(block, _mm_set1_epi8(0x7f)));
    stop = _mm_or_si128(stop, _mm_cmpeq_epi8(block, _mm_set1_epi8('#')));
    // The sign bit of each byte is the block itself: bytes from 0x80 on.
    unsigned bad = static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(stop, block)));
    if (bad) return p + __builtin_ctz(bad);
    p += 16;
  }
#endif
  return skip_class<kTarget>(p);
}

}  // namespace weir::http
