// Which servers may take a request; see balance/balancer.h. Passive health is nginx's: after max_fails failures within
// fail_timeout the server is left out for fail_timeout (ngx_http_upstream_module, `server`).
#include "balance/balancer.h"

namespace weir::model {

namespace {
bool at_limit(const ServerState& s) {
  int32_t limit = s.max_conns.load(std::memory_order_relaxed);
  return limit && s.current.read() >= limit;  // ordered against Queue::wait
}

// As usable, its limit apart.
bool serving(const Server& server, uint64_t now_ms) {
  const ServerState& s = *server.state;
  if (server.unresolved && !server.local->addr.load(std::memory_order_relaxed)) return false;
  if (s.admin.load(std::memory_order_relaxed) || !s.up.load(std::memory_order_relaxed)) return false;
  if (s.stopping.load(std::memory_order_relaxed)) return false;
  if (server.max_fails && s.fails.load(std::memory_order_relaxed) >= server.max_fails &&
      static_cast<int64_t>(now_ms) - s.checked_ms.load(std::memory_order_relaxed) <=
          static_cast<int64_t>(server.fail_timeout))
    return false;
  return true;
}
}  // namespace

bool usable(const Server& server, uint64_t now_ms) {
  return !at_limit(*server.state) && serving(server, now_ms);
}

int active_servers(const Pool& pool, uint64_t now_ms) {
  int n = 0;
  for (const Server* s : pool.servers) n += !s->backup && serving(*s, now_ms);
  return n;
}

bool needs_backup(const Pool& pool, uint64_t now_ms) {
  for (const Server* s : pool.servers)
    if (!s->backup && serving(*s, now_ms)) return false;
  return true;
}

bool has_place(const Pool& pool, uint64_t now_ms) {
  bool backup = needs_backup(pool, now_ms);
  for (const Server* s : pool.servers)
    if (s->backup == backup && usable(*s, now_ms)) return true;
  return false;
}

bool is_full(const Pool& pool, uint64_t now_ms) {
  for (const Server* s : pool.servers)
    if (at_limit(*s->state) && serving(*s, now_ms)) return true;
  return false;
}

}  // namespace weir::model
