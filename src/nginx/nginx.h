#pragma once
// The nginx personality's entrance: from a directive tree to a model.
#include <memory>
#include <vector>

#include "config/diag.h"
#include "config/table.h"
#include "config/tree.h"
#include "model/load.h"
#include "model/model.h"

namespace weir::nginx {

// A whole nginx.conf. Takes over the tree. Problems go to `diag`; the model is complete only without errors.
std::unique_ptr<model::Model> load(std::unique_ptr<config::Tree> tree, config::Diagnostics& diag,
                                   const model::LoadOptions& options);
// The nginx part of a weir.conf: main-level words (worker_processes …), http {}, and upstream and server blocks and other
// http-level words at the top level.
void bind_into(model::Model& model, const std::vector<const config::Directive*>& directives, config::Diagnostics& diag,
               const model::LoadOptions& options);

// All rows, built and planned.
const config::Index& index();

}  // namespace weir::nginx
