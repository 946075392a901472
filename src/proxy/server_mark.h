#pragma once
// What follows when somebody changes what a server does (an operator, a check): requests on it end (`on-marked-down`), those
// on the backups of its pool do (`on-marked-up`), and idle connections to a server in maintenance are closed.
#include <functional>

#include "base/error.h"
#include "stats/catalogue.h"

namespace weir::proxy {

class Shard;

class ServerMark {
 public:
  // Before the change.
  explicit ServerMark(const model::Server& server) : server_(server), before_(server) {}
  // What every shard has to do about what has changed since, on its own thread; null: nothing.
  std::function<void(Shard&)> since() const;

 private:
  const model::Server& server_;
  stats::ServerView before_;
};

// Ends this shard's requests on a server; the number of them.
size_t end_requests(Shard& shard, const model::Server& server, Fault why);

// Ends all of this shard's requests, on an operator's behalf.
void end_requests(Shard& shard);

}  // namespace weir::proxy
