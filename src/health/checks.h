#pragma once
// The checks of a worker: which shard runs which, and when. Every check runs once on the machine: on the newest worker, whose
// servers are spread over its shards by number. A worker that drains stops; what it has found out lies in shared memory,
// and the next one goes on with it at the time that is due.
#include <memory>
#include <vector>

#include "health/judge.h"
#include "model/model.h"

namespace weir::proxy {
class Shard;
struct Crew;
}  // namespace weir::proxy

namespace weir::health {

class Checks {
 public:
  Checks(const model::Model& model, proxy::Crew& crew);
  ~Checks();
  Checks(const Checks&) = delete;
  Checks& operator=(const Checks&) = delete;

  // On a shard's own thread: begins with its part of the checks; ends with it, in any case before the shard does.
  void begin(proxy::Shard& shard);
  void end(const proxy::Shard& shard);
  // From any thread: no check is run any more.
  void stop();
  // From any thread: a server came with checks of its own, or goes with them.
  void add(const model::Server& server);
  void remove(const model::Server& server);
  // From any thread: something about its checks was changed at run time.
  void changed(const model::Server& server);
  void observe(const model::Server& server, Seen seen);
  const Everywhere& everywhere() const { return everywhere_; }

 private:
  class Watch;
  using Watches = std::vector<std::unique_ptr<Watch>>;
  void begin_one(proxy::Shard& shard, const model::Server& server, const Check& check, size_t position);
  void post(const model::Server& server, std::function<void(proxy::Shard&)> fn);

  const model::Model& model_;
  const size_t known_;  // servers that were there at the start; commands may come before a shard begins
  proxy::Crew& crew_;
  Everywhere everywhere_;
  std::vector<Watches> by_shard_;  // each of them used by its shard only
  size_t count_ = 0;  // checks in all, of the file
  uint32_t spread_ms_ = 0;  // over which first checks begin
};

// Those of this process; null: none are configured.
Checks* checks();
void set_checks(Checks* checks);

// What traffic has met on a server.
inline void observed(const model::Server& server, Seen seen) {
  if (server.checks && server.checks->observe != Observe::nothing) [[unlikely]]
    if (Checks* all = checks()) all->observe(server, seen);
}

}  // namespace weir::health
