#pragma once
// What statistics are told about nginx's listening addresses and upstreams. Called once, before the shards start.
#include "stats/catalogue.h"

namespace weir::nginx {

// Adds them behind what is there, with numbers that are free, and fills in their servers, which have their places already.
// Points into the model; does nothing where nothing is counted.
void fill_catalogue(const model::Model& model, stats::Catalogue& catalogue);

}  // namespace weir::nginx
