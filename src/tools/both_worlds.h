#pragma once
// What is wrong with a file in both vocabularies although each of them has nothing to complain about.
#include <vector>

#include "config/diag.h"
#include "config/tree.h"
#include "model/model.h"

namespace weir::tools {

// Pools that have one name in both: who names it could mean either.
void find_shared_names(const std::vector<const config::Directive*>& haproxy_sections,
                       const std::vector<const config::Directive*>& nginx_words, config::Diagnostics& diag);
// Addresses on which both listen.
void find_shared_addresses(const model::Model& model, config::Diagnostics& diag);

}  // namespace weir::tools
