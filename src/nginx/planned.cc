// Puts all planned nginx words into an index. Called once at start, before any configuration is read, by whoever fills
// the nginx index; the tables are static data and outlive it.
#include "nginx/planned.h"

namespace weir::nginx {

void add_planned(config::Index& index) {
  for (config::Table table :
       {kPlannedCore, kPlannedHttp, kPlannedModules, kPlannedProxy, kPlannedCgi, kPlannedStream, kPlannedMail,
        kPlannedLua, kPlannedJs, kPlannedCommercial, kPlannedAddons, kPlannedThirdParty})
    index.add(table);
}

}  // namespace weir::nginx
