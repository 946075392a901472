// See nginx/define.h.
#include "nginx/define.h"

#include <fmt/format.h>

namespace weir::nginx {

bool define_variable(Scope& scope, const config::Word& word, expr::FetchFn fetch, const void* object, bool cacheable) {
  if (!word.text.starts_with('$') || word.text.size() < 2) {
    refuse(scope, word.where, fmt::format("invalid variable name \"{}\"", word.text), "write $name");
    return false;
  }
  Str name = word.text.substr(1);
  Variable* v = scope.http->variables.use(scope.arena, name, word.where);
  bool prefixed = v->args && v->args[0].present;
  if (v->defined && v->fetch && !v->changeable && !prefixed) {
    refuse(scope, word.where, fmt::format("the duplicate \"{}\" variable", name), "it is built in; take another name");
    return false;
  }
  scope.http->variables.define(scope.arena, name, fetch, object, cacheable);
  return true;
}

void refuse(Scope& scope, const config::Where& where, std::string text, std::string remedy) {
  auto& e = scope.error(where, std::move(text), std::move(remedy));
  e.product = e.text;
}

}  // namespace weir::nginx
