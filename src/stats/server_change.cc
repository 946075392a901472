// See stats/server_change.h.
#include "stats/server_change.h"

#include <time.h>

#include <algorithm>

#include "health/judge.h"

#include "stats/catalogue.h"
#include "stats/lines.h"

namespace weir::stats {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

bool serves(const model::Pool& pool) {
  PoolView view(pool);
  return view.active + view.backup > 0;
}

int64_t since(int64_t changed_s, int64_t now_s) {
  return std::max<int64_t>(0, now_s - changed_s);
}

// When this process began to serve; `now_s` before that.
int64_t started_s(int64_t now_s) {
  const Catalogue* c = catalogue();
  return c && c->start_ms ? moment_since(c->start_ms).start_s : now_s;
}

void note_change(const model::Pool& pool, bool served) {
  const bool now_serves = serves(pool);
  if (now_serves == served) return;
  model::PoolState& s = *pool.state;
  const int64_t now = time(nullptr), changed = s.changed_s.load(kRelaxed);
  if (served)
    s.downs.fetch_add(1, kRelaxed);
  else
    s.down_s.fetch_add(since(changed ? changed : started_s(now), now), kRelaxed);
  s.changed_s.store(now, kRelaxed);
}

// A change of what a server does is dated, and only then; so is one of whether its backend has a usable server.
template <class Change>
void change_state(const model::Server& server, Change change) {
  auto doing = [&] {
    ServerView v(server);
    return std::pair(v.operational_state(), v.admin_state(server));
  };
  auto before = doing();
  const bool served = serves(*server.pool);
  change(*server.state);
  model::state_changed(server);
  note_change(*server.pool, served);
  auto after = doing();
  if (after == before) return;
  model::ServerState& s = *server.state;
  int64_t now = time(nullptr), changed = s.changed_s.load(kRelaxed);
  if (before.first == 0 && after.first != 0 && changed) s.health.down_s.fetch_add(since(changed, now), kRelaxed);
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

void set_place(const model::Server& server, const std::function<void()>& set) {
  change_state(server, [&](model::ServerState&) { set(); });
}

void set_health(const model::Server& server, bool up, bool stopping) {
  change_state(server, [&](model::ServerState& s) {
    s.up.store(up);
    s.stopping.store(stopping);
  });
}

}  // namespace weir::stats
