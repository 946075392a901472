#pragma once
// PCRE2 patterns, compiled with JIT at configuration time and then only read, from any thread. Matching uses one
// match object per thread, so it allocates nothing.
#include <cstdint>
#include <string>
#include <vector>

#include "base/arena.h"
#include "base/str.h"

struct pcre2_real_code_8;

namespace weir::expr {

// What a match found. The offsets lie in the thread's match object: copy what must survive the next match on this
// thread.
struct Match {
  Str subject;
  const size_t* offsets = nullptr;  // pairs: begin and end of group n at [2n] and [2n + 1]; unset groups are ~0
  int count = 0;  // highest group that took part, plus 1; 0: no match

  explicit operator bool() const { return count > 0; }
  bool has(int n) const { return n >= 0 && n < count && offsets[2 * n] != ~size_t{0}; }
  // The text of group `n` (0: the whole match); empty when it took no part.
  Str group(int n) const {
    return has(n) ? subject.substr(offsets[2 * n], offsets[2 * n + 1] - offsets[2 * n]) : Str{};
  }
};

class Regex {
 public:
  enum Option : uint8_t { kNone = 0, kIcase = 1 << 0, kUtf = 1 << 1, kAnchored = 1 << 2 };
  static constexpr int kMaxGroups = 64;  // groups that Match can show, group 0 included

  // Lives in `arena`, which frees it. Null with the reason, and the offset it is about, in `error`.
  static const Regex* compile(Arena& arena, Str pattern, uint8_t options, std::string& error);
  ~Regex();
  Regex(const Regex&) = delete;
  Regex& operator=(const Regex&) = delete;

  // True when it matches anywhere from `from` on.
  bool test(Str subject, size_t from = 0) const { return static_cast<bool>(match(subject, from)); }
  // A subject that exhausts PCRE2's limits does not match.
  Match match(Str subject, size_t from = 0, bool not_empty_at_start = false) const;
  int groups() const { return groups_; }  // capturing groups in the pattern
  Str pattern() const { return pattern_; }

  struct Named {
    Str name;
    int group;
  };
  const std::vector<Named>& names() const { return names_; }

 private:
  friend class weir::Arena;
  Regex() = default;

  pcre2_real_code_8* code_ = nullptr;
  Str pattern_;
  int groups_ = 0;
  std::vector<Named> names_;
};

// Appends `text` to `out` with `\0` … `\9` replaced by the groups of `match`, `\\` by a backslash and `\xHH` by that
// byte (HAProxy's replacement strings).
void expand_backrefs(Str text, const Match& match, std::string& out);

}  // namespace weir::expr
