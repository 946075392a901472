#pragma once
// log_format: a text with variables whose values are escaped for logs.
#include <string>

#include "nginx/module.h"

namespace weir::nginx {

enum class LogEscape : uint8_t { plain, json, none };  // plain: escape=default

struct LogFormat {
  struct Part {
    Str text;
    const Variable* variable = nullptr;
  };
  Str name;
  ArenaList<Part> parts;
  LogEscape escape = LogEscape::plain;

  // Appends the line, without its end, to `out`.
  void render(proxy::Transaction& txn, std::string& out) const;
};

// Compiles words [first, …) of the directive. Null after reporting problems.
const LogFormat* compile_log_format(Scope& scope, const Directive& d, size_t first, Str name);
const LogFormat* combined_log_format(Scope& scope);

// Appends `value` to `out`, escaped: \xHH for quotes, backslashes and bytes outside printable ASCII; JSON's escapes.
void escape_for_log(Str value, LogEscape how, std::string& out);

}  // namespace weir::nginx
