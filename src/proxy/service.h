#pragma once
// Something of a configuration that works beside requests: forwards log messages, checks servers. The model's arena holds it
// (Model::services); it lives on the first shard's thread, between start() and end().
#include "net/addr.h"

namespace weir::model {
struct Listener;
}

namespace weir::proxy {

class Shard;

class Service {
 public:
  virtual void start(Shard& shard) = 0;  // before the first event
  // The shard drains: new work comes to another process from here on. What runs may go on.
  virtual void drain() {}
  // Asked of a shard that drains and has no connections left: whether nothing is left to do here either. Who says no calls
  // Shard::check_drained() when it is done.
  virtual bool done() { return true; }
  virtual void end() = 0;  // the loop runs no more

 protected:
  ~Service() = default;
};

// Takes connections in HTTP's and TCP's place (Listener::taker). On the accepting shard's thread; `fd` is its own then.
class Taker {
 public:
  virtual void take(Shard& shard, const model::Listener& listener, int fd, const net::Addr& peer) = 0;

 protected:
  ~Taker() = default;
};

}  // namespace weir::proxy
