// See model/servers.h.
#include "model/servers.h"

#include "balance/balancer.h"
#include "model/begin.h"

namespace weir::model {
namespace {

constexpr size_t kMostSlots = Tried::kNone;

// The slot of a deleted server, rather the one of the same name; the end of the list where there is none. A backup follows a
// backup: algorithms may not have noticed that the former one is gone.
size_t free_slot(const Pool& pool, const Server& server) {
  const size_t end = pool.servers.size();
  size_t found = end;
  for (size_t i = 0; i < end; i++) {
    const Server* s = pool.servers[i];
    if (!s->local->gone.load(std::memory_order_relaxed) || s->backup != server.backup) continue;
    if (s->name == server.name) return i;
    if (found == end) found = i;
  }
  return found;
}

void put(GrowingList<Server*>& list, size_t at, Server& server) {
  if (at == list.size())
    list.push_back(&server);
  else
    list.exchange(at, &server);
}

}  // namespace

bool place_server(const Model& model, Pool& pool, Server& server) {
  const size_t slot = free_slot(pool, server);
  if (slot >= kMostSlots) return false;
  server.slot = static_cast<uint16_t>(slot);
  server.id = slot < pool.servers.size() ? pool.servers[slot]->id : static_cast<uint32_t>(model.servers.size());
  server.pool = &pool;
  return true;
}

void add_server(Model& model, Pool& pool, Server& server) {
  begin_anew(model, server);
  put(model.servers, server.id, server);
  {
    PickLock lock(pool);
    if (server.slot == pool.servers.size()) pool.balancer->grow(server.slot + size_t{1});
    put(pool.servers, server.slot, server);
  }
  state_changed(server);
}

void remove_server(const Server& server) {
  static const net::Addr nowhere;
  server.local->addr.store(&nowhere, std::memory_order_release);
  server.local->gone.store(true, std::memory_order_release);
  state_changed(server);
}

void replace_server(Model& model, Pool& pool, Server& renamed) {
  put(model.servers, renamed.id, renamed);
  {
    PickLock lock(pool);
    put(pool.servers, renamed.slot, renamed);
  }
  state_changed(renamed);
}

}  // namespace weir::model
