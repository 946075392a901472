#pragma once
// `weir check`: judges configuration files without starting anything. Called by the weir face once per run.
#include <string>
#include <vector>

#include "config/tree.h"

namespace weir::tools {

// Said, and refused, by check and run alike.
inline constexpr const char* kListensNowhere = "the configuration listens nowhere";

struct CheckOptions {
  bool offline = false;
  bool json = false;
  bool strict = false;  // what a start refuses is refused: planned words, and a file that listens nowhere
  bool allow_planned = false;  // planned words are notes even where they would refuse
  std::string dialect;         // nginx, haproxy, weir; empty: from the content
  std::vector<std::string> files;
};

// 0: all files are accepted, 1: one is refused.
int check(const CheckOptions& options);

bool parse_dialect(const std::string& text, config::Dialect& out);

}  // namespace weir::tools
