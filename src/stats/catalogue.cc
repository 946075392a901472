// See stats/catalogue.h.
#include "stats/catalogue.h"

#include <sys/resource.h>

#include "net/listening.h"

namespace weir::stats {
namespace {
Catalogue* served = nullptr;
}

Catalogue* catalogue() {
  return served;
}
void set_catalogue(Catalogue* catalogue) {
  served = catalogue;
}

uint64_t Catalogue::hard_connection_limit() const {
  rlimit limit{};
  if (max_conns || getrlimit(RLIMIT_NOFILE, &limit) != 0) return max_conns;
  return limit.rlim_cur / 2;  // one descriptor to each side
}

uint64_t Catalogue::connection_limit() const {
  uint64_t set = limits ? limits->max_conns.load(std::memory_order_relaxed) : 0;
  return set ? set : hard_connection_limit();
}

void Catalogue::resume(bool again) {
  if (again)
    standing->restore(*limits);
  else
    standing->given = false;
  for (ProxyEntry& p : proxies) {
    if (!p.standing) continue;
    if (again)
      p.set_state(p.standing->state.load());
    else
      p.standing->clear();
    int64_t most = p.standing->max_conns.load();
    if (p.limits && most >= 0) p.limits->max_conns = most;
    if (p.state() == FrontState::open) continue;
    for (model::Listener* l : p.listeners) {
      l->silent = true;
      net::stop_listening(l->fd, l->addr);
    }
  }
}

ProxyEntry* Catalogue::find(Str name, bool front, bool back) {
  auto id = name.starts_with('#') ? parse_u64(name.substr(1)) : std::nullopt;
  for (ProxyEntry& p : proxies)
    if ((id ? p.id == *id : p.name == name) && (!front || p.front) && (!back || p.back)) return &p;
  return nullptr;
}

ServerView::ServerView(const model::Server& s) {
  constexpr auto kRelaxed = std::memory_order_relaxed;
  const model::ServerState& state = *s.state;
  admin = static_cast<model::Admin>(state.admin.load(kRelaxed));
  up = state.up.load(kRelaxed);
  stopping = state.stopping.load(kRelaxed);
  unresolved = s.without_address();
  weight = state.weight.load(kRelaxed);
}

int ServerView::operational_state() const {
  if (!running()) return 0;
  return stopping ? 3 : 2;
}

int ServerView::admin_state(const model::Server& s) const {
  int bits = admin == model::Admin::maint ? 1 : admin == model::Admin::drain ? 8 : 0;
  return bits | (s.disabled ? 4 : 0) | (unresolved ? 32 : 0);
}

PoolView::PoolView(const model::Pool& pool) {
  uint32_t weights[2] = {};
  for (const model::Server* s : pool.servers) {
    if (s->absent()) continue;
    ServerView view(*s);
    all++;
    if (view.running()) up++;
    if (!view.usable()) continue;
    (s->backup ? backup : active)++;
    weights[s->backup] += static_cast<uint32_t>(view.weight);
  }
  weight = active ? weights[0] : weights[1];
}

}  // namespace weir::stats
