// See stats/server_change.h.
#include "stats/server_change.h"

#include <time.h>

#include <algorithm>

#include "health/judge.h"

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
  auto after = doing();
  if (after == before) return;
  constexpr auto kRelaxed = std::memory_order_relaxed;
  model::ServerState& s = *server.state;
  int64_t now = time(nullptr), changed = s.changed_s.load(kRelaxed);
  if (before.first == 0 && after.first != 0 && changed)
    s.health.down_s.fetch_add(std::max<int64_t>(0, now - changed), kRelaxed);
  if (before.first != 0 && after.first == 0) s.health.downs.fetch_add(1, kRelaxed);
  s.changed_s.store(now, kRelaxed);
}

}  // namespace

void set_admin(const model::Server& server, model::Admin admin) {
  change_state(server, [&](model::ServerState& s) {
    s.drain_until_ms.store(0);
    bool was_maint = s.admin.exchange(static_cast<uint8_t>(admin)) == static_cast<uint8_t>(model::Admin::maint);
    if (was_maint && admin != model::Admin::maint) health::begin_health(server);
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
