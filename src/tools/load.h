#pragma once
// From files to a model, whatever the dialect: lexing, the personality's binding, and for weir.conf both personalities
// on one model. The faces, the worker and `weir check` call it; what comes back is owned by the caller.
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "config/diag.h"
#include "config/lexer.h"
#include "model/load.h"
#include "model/model.h"

namespace weir::tools {

struct LoadRequest {
  config::Dialect dialect = config::Dialect::weir;
  std::vector<std::string> files;  // HAProxy takes several; the others read the first
  std::string text;  // in place of files: a configuration that the program carries itself
  std::string globals;  // nginx -g: directives before the file's own
  model::LoadOptions options;
  config::ReadOptions read;
  std::function<void(config::Tree&)> adapt;  // between reading and binding
  std::function<void(struct Loaded&)> finish;  // the command line's word on the result, at each reading
};

struct Loaded {
  std::unique_ptr<config::Diagnostics> diag;
  std::unique_ptr<model::Model> model;  // owns the tree, which the diagnostics point into
  // Whether a proxy may be started from it: no errors, and no planned words unless they were allowed.
  bool good(bool allow_planned) const;
};

Loaded load(const LoadRequest& request);

// What the program answers to HAProxy's `.if` and `-cc`.
config::Predicates haproxy_predicates();

}  // namespace weir::tools
