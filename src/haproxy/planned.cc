// Collects the tables of planned words. Called by the personality when it builds its index of rows, before any
// configuration is read. To make a word real, move its row to its feature's table; to add an area, add its table here
// and in planned.h.
#include "haproxy/planned.h"

namespace weir::haproxy {

void add_planned(config::Index& index) {
  for (const config::Table& table :
       {kPlannedGlobal,    kPlannedGlobalTls,       kPlannedGlobalTune,    kPlannedProxy,
        kPlannedOptions,   kPlannedRulesTcp,        kPlannedRulesHttp,     kPlannedBind,
        kPlannedServer,    kPlannedSections,        kPlannedFetchInternal, kPlannedFetchConnection,
        kPlannedFetchTls,  kPlannedFetchBuffer,     kPlannedFetchHttp,     kPlannedFetchAcl,
        kPlannedConverter, kPlannedConverterLookup, kPlannedLogTags,       kPlannedRemoved}) {
    index.add(table);
  }
}

}  // namespace weir::haproxy
