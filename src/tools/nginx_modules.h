#pragma once
// Which of nginx's modules are built, in the words of nginx's configure script: what `nginx -V` says.
#include <string>

#include "base/str.h"

namespace weir::tools {

// A module counts as built when the directive that stands for it has a row that binds it.
bool nginx_module_built(Str configure_word);
// " --with-… --without-…", ready to follow "configure arguments:".
std::string nginx_configure_arguments();

}  // namespace weir::tools
