// See nginx/traffic.h.
#include "nginx/traffic.h"

#include <fmt/format.h>

#include "nginx/listen.h"
#include "nginx/personality.h"
#include "nginx/request.h"

namespace weir::nginx {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

size_t family_of(uint16_t status) {
  unsigned family = status / 100;
  return family < 6 ? family : 0;
}

void add(stats::ProxyCounters& c, const proxy::Transaction& txn) {
  txn.count_into(c);
  if (txn.error.side == Side::client && txn.error.fault != Fault::none) c.client_aborts.fetch_add(1, kRelaxed);
}

struct Wanted {
  bool on = false;
};
const Module kTraffic{"traffic"};

}  // namespace

stats::ProxyCounters* counters_of(const model::Pool& pool) {
  return pool.personality == &personality() ? static_cast<stats::ProxyCounters*>(const_cast<void*>(pool.conf))
                                            : nullptr;
}

void want_counters(Scope& scope) {
  scope.main<Wanted>(kTraffic).on = true;
}

void make_counters(Scope& scope) {
  if (!scope.main<Wanted>(kTraffic).on && !scope.model.haproxy) return;
  for (model::Listener* l : scope.model.listeners) {
    if (l->personality != &personality()) continue;
    auto* address = static_cast<Address*>(const_cast<void*>(l->conf));
    address->counters = stats::proxy_counters(fmt::format("nginx/{}", l->text));
    address->standing = stats::front_standing(fmt::format("nginx/{}", l->text));
    l->connections = &address->counters->connections;
  }
  for (model::Pool* p : scope.model.pools)
    if (p->personality == &personality()) p->conf = stats::proxy_counters(fmt::format("nginx/upstream/{}", p->name));
}

void count_begin(proxy::Transaction& txn) {
  stats::ProxyCounters* c = of(txn).address->counters;
  if (!c) return;
  c->requests.fetch_add(1, kRelaxed);
  c->request_rate.add(txn.times.head_ms);
  c->current.add();
}

void count_answered(proxy::Transaction& txn) {
  if (!txn.server || !counters_of(*txn.server->pool)) return;
  txn.server->state->status[family_of(txn.response.status)].fetch_add(1, kRelaxed);
}

void count_end(proxy::Transaction& txn) {
  if (txn.pool)
    if (stats::ProxyCounters* c = counters_of(*txn.pool)) {
      c->requests.fetch_add(1, kRelaxed);
      add(*c, txn);
    }
  stats::ProxyCounters* c = of(txn).address->counters;
  if (!c || txn.parent) return;
  c->current.down();
  add(*c, txn);
  if (!txn.pool) c->intercepted.fetch_add(1, kRelaxed);
}

}  // namespace weir::nginx
