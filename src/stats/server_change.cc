// See stats/server_change.h.
#include "stats/server_change.h"

#include <time.h>

#include "stats/catalogue.h"

namespace weir::stats {
namespace {

// A change of what a server does is dated, and only then.
template <class Change>
void change_state(const model::Server& server, Change change) {
  auto doing = [&] {
    ServerView v(server);
    return std::pair(v.operational_state(), v.admin_state(server));
  };
  auto before = doing();
  change(*server.state);
  model::state_changed(server);
  if (doing() != before) server.state->changed_s.store(time(nullptr), std::memory_order_relaxed);
}

}  // namespace

void set_admin(const model::Server& server, model::Admin admin) {
  change_state(server, [&](model::ServerState& s) {
    s.drain_until_ms.store(0);
    s.admin.store(static_cast<uint8_t>(admin));
  });
}

void set_weight(const model::Server& server, int32_t weight) {
  change_state(server, [&](model::ServerState& s) { s.weight.store(weight); });
}

void set_health(const model::Server& server, bool up, bool stopping) {
  change_state(server, [&](model::ServerState& s) {
    s.up.store(up);
    s.stopping.store(stopping);
  });
}

}  // namespace weir::stats
