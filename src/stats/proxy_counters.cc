// See stats/proxy_counters.h.
#include "stats/proxy_counters.h"

#include "base/shared_records.h"

namespace weir::stats {

namespace {
const KindOf<ProxyCounters> kProxies("proxy 1");
}

ProxyCounters* proxy_counters(Str name) {
  return SharedRecords::get(kProxies, name);
}

}  // namespace weir::stats
