// See stats/publication.h.
#include "stats/publication.h"

#include "base/shared_records.h"

namespace weir::stats {

namespace {
const KindOf<Publication> kBackends("publication 1");
}

Publication* publication(Str name) {
  return SharedRecords::get(kBackends, name);
}

}  // namespace weir::stats
