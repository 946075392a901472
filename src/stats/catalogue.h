#pragma once
// What the statistics page and the runtime socket know of the configured proxies, without knowing whose they are: the
// personalities fill the process's catalogue (haproxy::fill_catalogue, nginx::fill_catalogue) before its shards start. It
// lives in the model's arena. Pattern texts change on the control thread, which also adds servers; what else changes is atomic.
#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "base/growing_list.h"
#include "base/message_ring.h"
#include "expr/pattern.h"
#include "model/model.h"
#include "stats/broken.h"
#include "stats/limits.h"
#include "stats/proxy_counters.h"
#include "stats/publication.h"
#include "stats/standing.h"

namespace weir::net {
class TlsStore;
}
namespace weir::proxy {
struct NameCounts;
}

namespace weir::stats {

struct ProxyEntry {
  Str name;
  uint32_t id = 0;
  bool forced_id = false;
  bool front = false;
  bool back = false;
  bool http = false;
  bool disabled = false;  // in the configuration: it does not exist for statistics
  Str mode;  // "http", "tcp"
  Str algorithm;  // of a backend, as `show stat` calls it
  Str cookie;  // name, or empty
  Str description;
  uint32_t max_conns = 0;  // of a frontend, as configured
  model::FrontLimits* limits = nullptr;  // of a frontend that has some
  uint32_t full_conns = 0;  // of a backend: fullconn
  std::vector<model::Listener*> listeners;
  const model::Pool* pool = nullptr;  // of a backend
  ProxyCounters* front_counters = nullptr;
  ProxyCounters* back_counters = nullptr;
  Publication* publication = nullptr;  // of a backend that may be hidden from rules
  FrontStanding* standing = nullptr;  // of a frontend

  // What a frontend is limited to now.
  uint32_t connection_limit() const {
    int64_t set = limits ? limits->max_conns.load(std::memory_order_relaxed) : -1;
    return set < 0 ? max_conns : static_cast<uint32_t>(set);
  }
  uint32_t rate_limit() const { return limits ? limits->max_rate.load(std::memory_order_relaxed) : 0; }
  FrontState state() const { return std::atomic_ref(state_).load(std::memory_order_relaxed); }
  // What this process does with it, and what its successor will after a crash.
  void set_state(FrontState to) {
    std::atomic_ref(state_).store(to, std::memory_order_relaxed);
    if (standing) standing->state = to;
  }

 private:
  mutable FrontState state_ = FrontState::open;  // written on the control thread
};

struct ServerEntry {
  uint32_t id = 1;  // in its backend
  bool forced_id = false;
  Str cookie;
  Str host;  // name that the address came from, or empty
  int32_t max_idle = -1;  // -1: no limit
  uint32_t purge_delay = 5000;
  int32_t rise = 2;  // good checks that bring it up, whether or not it is checked
};

// A name server, as `show resolvers` tells of it.
struct NameServerEntry {
  Str section;
  Str name;
  const proxy::NameCounts* counts;
};

struct Catalogue {
  Str product;  // "HAProxy"
  Str version;
  Str release_date;
  Str node;
  Str description;
  uint64_t max_conns = 0;  // as configured; 0: not
  uint64_t start_ms = 0;  // monotonic, of this process
  int shards = 1;
  int listeners = 0;  // runtime sockets included
  std::string token;  // what forms of the page have to bring along; of this process, not to be guessed
  std::vector<ProxyEntry> proxies;  // in the order of the file
  std::vector<NameServerEntry> name_servers;  // in the order of their sections
  GrowingList<ServerEntry*> servers;  // by model::Server::id
  Limits* limits = nullptr;  // of the whole process
  ProcessStanding* standing = nullptr;
  BrokenMessages* broken = nullptr;
  struct Ring {
    Str name;
    Str description;
    MessageRing* messages;
  };
  std::vector<Ring> rings;  // of events
  uint64_t (*dropped_logs)() = nullptr;
  expr::PatternSources* patterns = nullptr;  // maps and ACLs; texts change
  net::TlsStore* certificates = nullptr;
  // Sets a process-wide variable to what the words of an expression, or a format, evaluate to. The text says what is wrong.
  std::string (*set_variable)(Str name, const std::vector<std::string>& words, bool format) = nullptr;

  // How many connections the process can have: as configured, or what its descriptors allow; and may have now.
  uint64_t hard_connection_limit() const;
  uint64_t connection_limit() const;
  // Just before the shards serve. `again`: in the place of a worker with this very configuration that has died; what operators
  // have said still counts, frontends that take no connections are silent. Else it is forgotten.
  void resume(bool again);
  // By name, or by "#" and the number.
  ProxyEntry* find(Str name, bool front, bool back);
  ProxyEntry* find_front(Str name) { return find(name, true, false); }
  ProxyEntry* find_back(Str name) { return find(name, false, true); }
  const ServerEntry& of(const model::Server& s) const { return *servers[s.id]; }
};

// What this process shows; null until it is about to serve.
Catalogue* catalogue();
void set_catalogue(Catalogue* catalogue);

// What a server is doing, in the words of HAProxy's administrators.
struct ServerView {
  explicit ServerView(const model::Server& s);
  model::Admin admin;
  bool up;  // health
  bool stopping;  // up, takes nothing new
  bool unresolved;  // no address: kept in maintenance
  int32_t weight;  // now, 0 to 256
  bool maint() const { return admin == model::Admin::maint || unresolved; }
  bool running() const { return up && !maint(); }
  // Takes part in balancing.
  bool usable() const { return running() && !stopping && admin == model::Admin::ready && weight > 0; }
  int operational_state() const;  // srv_op_state: 0 stopped, 2 running, 3 stopping
  // srv_admin_state: a sum of bits, 1 forced maintenance, 4 maintenance in the file, 8 forced drain, 32 no address
  int admin_state(const model::Server& s) const;
};

// A backend's servers together.
struct PoolView {
  explicit PoolView(const model::Pool& pool);
  uint32_t active = 0;  // usable ones that are no backup
  uint32_t backup = 0;  // usable backups
  uint32_t up = 0;
  uint32_t all = 0;
  uint32_t weight = 0;  // of the ones that serve now
  bool serves() const { return all == 0 || weight > 0; }
};

}  // namespace weir::stats
