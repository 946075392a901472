#pragma once
// Tables of the nginx words that weir knows but has not built yet, one for each planned_*.cc. add_planned() is called
// once at start by whoever fills the nginx index; the rows are static data. A word leaves its table when its feature
// gets a file of its own.
#include "config/table.h"

namespace weir::nginx {

extern const config::Table kPlannedCore;
extern const config::Table kPlannedHttp;
extern const config::Table kPlannedModules;
extern const config::Table kPlannedProxy;
extern const config::Table kPlannedCgi;
extern const config::Table kPlannedStream;
extern const config::Table kPlannedMail;
extern const config::Table kPlannedLua;
extern const config::Table kPlannedJs;
extern const config::Table kPlannedCommercial;
extern const config::Table kPlannedAddons;
extern const config::Table kPlannedThirdParty;

// Adds the rows of all these tables to `index`.
void add_planned(config::Index& index);

}  // namespace weir::nginx
