#pragma once
// String spans and the few ASCII helpers that everything uses. A Str never owns its bytes; whoever hands one out says how
// long they live.
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace weir {

using Str = std::string_view;

constexpr char lower(char c) {
  return (c >= 'A' && c <= 'Z') ? static_cast<char>(c | 0x20) : c;
}
constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// ASCII case-insensitive equality, the way header names and host names compare.
inline bool iequals(Str a, Str b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); i++)
    if (lower(a[i]) != lower(b[i])) return false;
  return true;
}
inline bool istarts_with(Str s, Str prefix) {
  return s.size() >= prefix.size() && iequals(s.substr(0, prefix.size()), prefix);
}

// `s` without leading and trailing SP and HTAB.
inline Str trim(Str s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t')) s.remove_suffix(1);
  return s;
}

// All of `s` as an unsigned decimal number; nothing when it is empty, has another character or overflows 64 bits.
inline std::optional<uint64_t> parse_u64(Str s) {
  if (s.empty()) return std::nullopt;
  uint64_t n = 0;
  for (char c : s) {
    if (!is_digit(c)) return std::nullopt;
    if (__builtin_mul_overflow(n, uint64_t{10}, &n) || __builtin_add_overflow(n, static_cast<uint64_t>(c - '0'), &n))
      return std::nullopt;
  }
  return n;
}

// Cuts `s` at the first `sep`: returns what stands before it and leaves the rest in `s` (empty when there is none).
inline Str cut(Str& s, char sep) {
  size_t at = s.find(sep);
  Str head = s.substr(0, at);
  s = at == Str::npos ? Str{} : s.substr(at + 1);
  return head;
}

}  // namespace weir
