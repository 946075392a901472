// See stats/standing.h.
#include "stats/standing.h"

#include "base/shared_records.h"

namespace weir::stats {

namespace {
const KindOf<FrontStanding> kFronts("front standing 1");
const KindOf<ProcessStanding> kProcess("process standing 1");
ProcessStanding* g_process = nullptr;
}  // namespace

void ProcessStanding::keep(const Limits& limits) {
  max_conns = limits.max_conns.load();
  connections = limits.connections.limit.load();
  sessions = limits.sessions.limit.load();
  tls_sessions = limits.tls_sessions.limit.load();
  compression = limits.compression.limit.load();
  given = true;
}

void ProcessStanding::restore(Limits& limits) const {
  if (!given) return;
  limits.max_conns = max_conns.load();
  limits.connections.limit = connections.load();
  limits.sessions.limit = sessions.load();
  limits.tls_sessions.limit = tls_sessions.load();
  limits.compression.limit = compression.load();
}

FrontStanding* front_standing(Str name) {
  return SharedRecords::get(kFronts, name);
}

ProcessStanding* process_standing() {
  return g_process;
}

void share_process_standing() {
  g_process = SharedRecords::get(kProcess, "");
}

}  // namespace weir::stats
