#pragma once
// Reading configuration files, and finding what nginx's `include` names. Used by the lexers while they read.
#include <string>
#include <vector>

#include "config/lexer.h"

namespace weir::config {

// The source of `path` ("-": standard input), read once per tree. Null when it cannot be read: `error` is the errno.
const Source* load_source(Tree& tree, const std::string& path, int& error);
// A source whose text the caller has.
const Source* add_source(Tree& tree, const std::string& path, std::string text);

// The folder of a path with its final slash; empty for a bare file name.
std::string folder_of(const std::string& path);

struct Included {
  std::vector<std::string> paths;  // in nginx's order
  bool pattern = false;            // no match is no error
};

// What `include NAME` in a configuration whose main file lies in `conf_dir` stands for. Offline, /etc/nginx is `conf_dir`
// and other absolute paths that are not there are looked up below it.
Included find_included(Str name, const std::string& conf_dir, bool offline);

}  // namespace weir::config
