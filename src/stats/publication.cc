// See stats/publication.h.
#include "stats/publication.h"

#include <fmt/format.h>

#include "base/shared_records.h"
#include "net/digest.h"

namespace weir::stats {

namespace {
const KindOf<Publication> kBackends("publication 2");
}

void Publication::settle_cookies(bool dynamic, Str key) {
  const uint64_t now = net::digest64(fmt::format("{} {}", dynamic, key)) | 1;
  if (configured_cookies.exchange(now) == now) return;
  dynamic_cookies = dynamic;
  cookie_key.set({});
}

Publication* publication(Str name) {
  return SharedRecords::get(kBackends, name);
}

}  // namespace weir::stats
