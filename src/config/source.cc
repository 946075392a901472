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

}  // namespace weir::config
