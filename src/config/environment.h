#pragma once
// The environment that a configuration sees: the process's own, what the program defines, and what `setenv` and its
// like in a `global` section change for the lines after them. The process environment itself is left alone. One object
// lives for one reading.
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/tree.h"

namespace weir::config {

class Environment {
 public:
  // The process environment and `defines` (NAME or NAME=VALUE) over it.
  // `keeps_peer`: `localpeer` has nothing to say.
  explicit Environment(const std::vector<std::string>& defines = {}, bool keeps_peer = false);

  std::optional<Str> get(Str name) const;
  // Takes effect of a global section's setenv, presetenv, unsetenv, resetenv or localpeer; other directives change nothing.
  // Whether the arguments are right is the binder's business.
  void apply(const Directive& directive);

 private:
  std::map<std::string, std::string, std::less<>> values_;
  bool keeps_peer_;
};

}  // namespace weir::config
