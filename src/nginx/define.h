#pragma once
// For blocks that make a variable: map, geo, split_clients.
#include "nginx/module.h"

namespace weir::nginx {

// Defines the variable that `word` ("$name") names. False after reporting that it cannot be.
bool define_variable(Scope& scope, const config::Word& word, expr::FetchFn fetch, const void* object,
                     bool cacheable = true);
// An error whose wording is nginx's own too.
void refuse(Scope& scope, const config::Where& where, std::string text, std::string remedy = {});

}  // namespace weir::nginx
