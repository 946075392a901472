// See nginx/catalogue.h.
#include "nginx/catalogue.h"

#include <algorithm>

#include "balance/balancer.h"
#include "nginx/listen.h"
#include "nginx/personality.h"
#include "nginx/traffic.h"

namespace weir::nginx {

void fill_catalogue(const model::Model& model, stats::Catalogue& c) {
  if (!model.nginx) return;
  uint32_t next = 2;
  for (const stats::ProxyEntry& p : c.proxies) next = std::max(next, p.id + 1);
  for (model::Listener* l : model.listeners) {
    if (l->personality != &personality() || !static_cast<const Address*>(l->conf)->counters) continue;
    stats::ProxyEntry& e = c.proxies.emplace_back();
    e.name = l->name;
    e.id = next++;
    e.front = e.http = true;
    e.mode = "http";
    e.max_conns = static_cast<uint32_t>(c.connection_limit());
    e.listeners.push_back(l);
    e.standing = static_cast<const Address*>(l->conf)->standing;
    e.front_counters = static_cast<const Address*>(l->conf)->counters;
    e.back_counters = e.front_counters;
  }
  for (const model::Pool* p : model.pools) {
    if (!counters_of(*p)) continue;
    stats::ProxyEntry& e = c.proxies.emplace_back();
    e.name = p->name;
    e.id = next++;
    e.back = e.http = true;
    e.mode = "http";
    e.algorithm = p->balancer ? p->balancer->name() : Str();
    e.pool = p;
    e.back_counters = counters_of(*p);
    e.front_counters = e.back_counters;
    for (const model::Server* s : p->servers) c.servers[s->id]->id = s->slot + 1u;
  }
}

}  // namespace weir::nginx
