// Lines of config/source.h, for diagnostics. Called only when something is reported.
#include "config/source.h"

namespace weir::config {

Str Source::line(uint32_t n) const {
  if (n == 0) return {};
  Str rest = text;
  for (uint32_t i = 1; i < n; i++) {
    size_t at = rest.find('\n');
    if (at == Str::npos) return {};
    rest.remove_prefix(at + 1);
  }
  Str found = rest.substr(0, rest.find('\n'));
  if (found.ends_with('\r')) found.remove_suffix(1);
  return found;
}

Where quoted_place(const Where& at, Str problem) {
  const size_t open = problem.find('"');
  const size_t close = open == Str::npos ? open : problem.find('"', open + 1);
  if (close == Str::npos || !at.source) return at;
  const Str quoted = problem.substr(open + 1, close - open - 1);
  const Str line = at.source->line(at.line);
  auto ends_word = [&](size_t i) { return i >= line.size() || Str(" \t\"'").find(line[i]) != Str::npos; };
  for (size_t found = quoted.empty() ? Str::npos : line.find(quoted); found != Str::npos;
       found = line.find(quoted, found + 1))
    if ((found == 0 || ends_word(found - 1)) && ends_word(found + quoted.size()))
      return {at.source, at.line, static_cast<uint32_t>(found + 1), static_cast<uint32_t>(quoted.size())};
  return at;
}

}  // namespace weir::config
