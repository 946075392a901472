#pragma once
// The HAProxy personality's entrance: from a directive tree to a model. A weir.conf is bound in two halves, so that names
// of both worlds can meet in between: bind_into makes the proxies and their pools, finish_into resolves names.
#include <memory>
#include <vector>

#include "config/diag.h"
#include "config/table.h"
#include "config/tree.h"
#include "model/load.h"
#include "model/model.h"
#include "proxy/step.h"

namespace weir::haproxy {

struct Global;

// A whole haproxy.cfg. Takes over the tree. Problems go to `diag`; the model is complete only without errors.
std::unique_ptr<model::Model> load(std::unique_ptr<config::Tree> tree, config::Diagnostics& diag,
                                   const model::LoadOptions& options);

// HAProxy's sections of a weir.conf.
void bind_into(model::Model& model, const std::vector<const config::Directive*>& sections, config::Diagnostics& diag,
               const model::LoadOptions& options);
// After both vocabularies were bound: use_backend and default_backend meet upstreams too. Without bind_into: nothing.
void finish_into(model::Model& model, config::Diagnostics& diag, const model::LoadOptions& options);

// Process-wide settings; only for a model that HAProxy sections went into (model.haproxy is not null).
const Global& global(const model::Model& model);

// All rows, built and planned.
const config::Index& index();

}  // namespace weir::haproxy
