#pragma once
// How many requests servers and pools take, as configured: what model::Server and model::Pool hold besides a plain limit.
#include <cstdint>

namespace weir::model {

struct Server;

// Which backups take requests: the first one or all once no other server is left, or all once the others have no place either.
enum class Backups : uint8_t { first, all, when_full };

struct ServerLimits {
  // HAProxy's `minconn`: the limit grows from here to the full one with the load of the pool. 0: it is fixed.
  int32_t min_conns = 0;
  int32_t max_queue = 0;  // requests that may wait for this server alone; 0: no limit
  bool strict = false;  // idle connections count against the limit as well (HAProxy's `strict-maxconn`)
  uint32_t slow_start = 0;  // ms over which a server that has come back gets its full share; 0: it has it at once

  bool vary() const { return static_cast<uint32_t>(min_conns) | slow_start; }
};

struct PoolLimits {
  uint32_t full_conns = 0;  // HAProxy's `fullconn`: with so many requests in the pool every limit is full; 0: always
  int32_t max_queue = 0;  // nginx's `queue`: so many requests may wait for a server; 0: none, unless the plan says so
  uint32_t queue_timeout = 60000;  // ms that they may wait; with max_queue
  Backups backups = Backups::first;
  bool warms = false;  // a slow start concerns weights as well: the algorithm lets them change at any time
};

}  // namespace weir::model
