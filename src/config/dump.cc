// `nginx -T`: the files that were read, each once, under the comment that programs look for.
#include <algorithm>
#include <vector>

#include "config/lexer.h"

namespace weir::config {

std::string dump(const Tree& tree) {
  std::string out;
  std::vector<Str> seen;
  for (const auto& source : tree.sources) {
    Str path = source->path;
    if (path == kCommandLine || std::find(seen.begin(), seen.end(), path) != seen.end()) continue;
    seen.push_back(path);
    out.append("# configuration file ").append(path).append(":\n");
    out.append(source->text).append("\n");
  }
  return out;
}

}  // namespace weir::config
