// See proxy/server_mark.h.
#include "proxy/server_mark.h"

#include "proxy/shard.h"
#include "proxy/transaction.h"

namespace weir::proxy {

size_t end_requests(Shard& shard, const model::Server& server, Fault why) {
  size_t ended = 0;
  for (Transaction* t = shard.live.front(); t;) {
    Transaction* next = shard.live.next(t);
    if (!t->finished() && t->server == &server) {
      t->kill(why);
      ended++;
    }
    t = next;
  }
  return ended;
}

void end_requests(Shard& shard) {
  for (Transaction *t = shard.live.front(), *next; t; t = next) {
    next = shard.live.next(t);
    t->kill();
  }
}

std::function<void(Shard&)> ServerMark::since() const {
  stats::ServerView now(server_);
  const bool took_requests = before_.running() && !before_.stopping;
  const bool ends = server_.end_on_down && before_.running() && !now.running();
  const bool relieves = server_.end_backups_on_up && !server_.backup && !took_requests && now.usable();
  const bool left = !before_.maint() && now.maint();
  if (!ends && !relieves && !left) return nullptr;
  return [&server = server_, ends, relieves, left](Shard& shard) {
    if (ends) end_requests(shard, server, Fault::marked_down);
    if (left) shard.upstreams.close_idle(server);
    if (!relieves) return;
    for (const model::Server* s : server.pool->servers)
      if (s->backup) end_requests(shard, *s, Fault::marked_up);
  };
}

}  // namespace weir::proxy
