#pragma once
// The immutable result of reading a configuration: listeners, pools and servers, in one arena. Shared by all shards and
// never changed, but that the lists of servers may grow (model/servers.h); what changes at run time (weights, states, counters)
// lies in the structures of model/state.h, which the model only points to.
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/arena.h"
#include "base/cpu_set.h"
#include "base/growing_list.h"
#include "config/source.h"
#include "config/tree.h"
#include "http/h1_parser.h"
#include "model/limits.h"
#include "model/state.h"
#include "net/addr.h"
#include "net/socket_options.h"
#include "stats/rate.h"

struct ssl_ctx_st;

namespace weir::sticky {
struct StickTable;
}

namespace weir::health {
struct ServerChecks;
}
namespace weir::net {
struct TlsTo;
}
namespace weir::proxy {
class Personality;
class Service;
class Taker;
class Transaction;
struct Forward;
struct Segment;
struct ServerName;
}  // namespace weir::proxy

namespace weir::model {

struct Pool;
struct Route;

// What gives a server its places on HAProxy's hash ring (`hash-key`).
enum class RingKey : uint8_t { number, spread_number, address, address_and_port };

struct Server {
  Str name;  // HAProxy's name; nginx: the address as written
  Str written;  // the address as the configuration has it (nginx); several servers may come from one
  Str host;  // host name it came from, for Host and SNI
  net::Addr addr;
  uint32_t id = 0;  // index over all servers of the model
  uint16_t slot = 0;  // index in its pool
  uint32_t number = 0;  // HAProxy's `id` in its backend
  RingKey ring_key = RingKey::number;
  int32_t weight = 1;
  bool backup = false;
  bool disabled = false;  // starts in maintenance (HAProxy `disabled`) or is never used (nginx `down`)
  bool draining = false;  // starts with its clients only (nginx `drain`)
  bool unresolved = false;  // no address yet
  bool spare = false;  // of a group whose name may have so many addresses; it is there while it has one
  const proxy::ServerName* follows = nullptr;  // whose addresses it gets while it runs; null: nobody's
  bool end_on_down = false;  // HAProxy's on-marked-down shutdown-sessions
  bool end_backups_on_up = false;  // and on-marked-up shutdown-backup-sessions
  int32_t max_conns = 0;  // 0: no limit
  ServerLimits limits;
  uint32_t max_fails = 1;  // nginx passive health; 0: never counted
  uint32_t fail_timeout = 10000;  // ms
  ssl_ctx_st* tls = nullptr;  // of TLS to it, for when it is spoken
  int8_t tls_mode = 0;  // as ServerState::tls begins
  // How a request speaks TLS to it where its plan does not say (Forward::tls); null: with `tls` and `sni`.
  net::TlsTo (*tls_to)(proxy::Transaction& txn, const proxy::Forward& plan) = nullptr;
  Str sni;
  const Route* route = nullptr;  // how connections get there where that is not the plain way; null: it is
  uint8_t send_proxy = 0;  // PROXY protocol version to send, 0: none
  const Pool* pool = nullptr;
  ServerState* state = nullptr;
  ServerLocal* local = nullptr;
  const void* conf = nullptr;  // the personality's own
  const health::ServerChecks* checks = nullptr;  // null: nothing looks after its health
  uint32_t checks_key = 0;  // another value: its health begins anew
  bool begins_down = false;  // until a check says otherwise
  const net::SocketOptions* socket = nullptr;  // of connections to it; null: the system's

  ssl_ctx_st* tls_now() const { return state->tls.load(std::memory_order_relaxed) > 0 ? tls : nullptr; }
  bool without_address() const {
    const net::Addr* changed = local->addr.load(std::memory_order_acquire);
    return changed ? changed->family == AF_UNSPEC : unresolved;
  }
  // Whether it does not exist for anybody: a place without a server, or one that was deleted.
  bool absent() const { return (spare && without_address()) || local->gone.load(std::memory_order_acquire); }
  // Where it is now: as configured, or as it was changed since.
  const net::Addr& address() const {
    const net::Addr* changed = local->addr.load(std::memory_order_acquire);
    return changed ? *changed : addr;
  }
};

enum class Reuse : uint8_t { never, safe, aggressive, always };

class Balancer;

struct Pool {
  Str name;
  uint32_t id = 0;
  GrowingList<Server*> servers;  // by slot
  Balancer* balancer = nullptr;  // owned by the model
  PoolState* state = nullptr;
  PoolLocal* local = nullptr;
  Reuse reuse = Reuse::safe;
  uint32_t keepalive = 32;  // idle connections a shard keeps for the pool; 0: none
  uint32_t keepalive_requests = 1000;  // 0: no limit
  uint32_t keepalive_timeout = 60000;  // ms that one may lie idle
  uint32_t keepalive_time = 3600000;  // ms of life after which it is not kept any more; 0: no limit
  bool tcp = false;
  bool passive_health = false;  // nginx: max_fails counts
  bool unnamed = false;  // of an address that a rule gives (nginx); `name` is the address
  PoolLimits limits;
  const void* conf = nullptr;  // the personality's own (haproxy::Proxy)
  const proxy::Personality* personality = nullptr;
  // What a request runs that a rule of another personality sends here; ends in a forward. Null: nothing.
  const proxy::Segment* entry = nullptr;
};

// How long a client may take, in ms; 0: no limit. Changed by the personality when it knows better (nginx: per location).
struct ClientTimeouts {
  uint32_t head = 60000;  // first byte to the end of the head
  uint32_t keepalive = 75000;  // between requests
  uint32_t body = 60000;  // between two reads of the body
  uint32_t send = 60000;  // between two writes of the response
  uint32_t tunnel = 0;  // both directions silent after an upgrade or in TCP mode; 0: `body` counts
  uint32_t fin = 0;  // a tunnel whose one direction has ended towards the client; 0: `tunnel` goes on to count
  uint32_t linger = 5000;  // draining a connection that is about to be closed
  bool reset_on_timeout = false;
  bool head_from_accept = true;  // `head` also runs while a fresh connection says nothing

  bool operator==(const ClientTimeouts&) const = default;
};

// What operators may change about a frontend; all its listeners point to the same one.
struct FrontLimits {
  std::atomic<int64_t> max_conns{-1};  // with so many in Listener::connections nothing is accepted; -1: no limit
  std::atomic<uint32_t> max_rate{0};  // the same for a second; 0: no limit
};

// Connections that this process has from one listener.
struct ListenerPlaces {
  int64_t most = 0;
  std::atomic<int64_t> taken{0};
};

struct Listener {
  // Rules about connections, run when one is accepted and when its handshakes are over. Null: none.
  const proxy::Segment* connection_rules = nullptr;
  const proxy::Segment* session_rules = nullptr;
  Str name;  // "web", "*:80"
  std::string owner;  // "frontend web", for messages (HAProxy)
  net::Addr addr;
  std::string text;  // as configured
  uint32_t id = 0;
  int fd = -1;  // inherited or given; -1: to be bound
  bool silent = false;  // nothing is accepted from the beginning on: an operator's word, see stats/standing.h
  int backlog = 511;
  bool tcp = false;  // no HTTP on it
  bool reuseport = false;
  bool v6only = true;
  bool accept_proxy = false;
  bool reads_plain = false;  // with `tls`: a request in plain text is read too, for the personality to answer
  bool defer_accept = false;
  bool transparent = false;
  bool datagram = false;  // UDP: nobody accepts, a service reads
  bool proxy_sums = false;  // checksums in PROXY headers are verified (HAProxy); else believed (nginx)
  proxy::Taker* taker = nullptr;  // of connections that carry neither HTTP nor a TCP session
  bool pair = false;  // `fd` does not listen: connections come over it as descriptors
  bool announce_keep_alive = false;  // say "Connection: keep-alive" to HTTP/1.1 clients too, as nginx does
  bool answer_expect = true;  // say "100 Continue" ourselves when the body is wanted (nginx); else the server does
  bool linger_always = false;  // drain before every close, not only when the request is not complete
  int unix_mode = -1;
  int unix_uid = -1;
  int unix_gid = -1;
  ssl_ctx_st* tls = nullptr;
  const http::H1Limits* limits = nullptr;
  const ClientTimeouts* timeouts = nullptr;
  uint32_t keepalive_requests = 1000;  // 0: no limit
  const proxy::Personality* personality = nullptr;
  const void* conf = nullptr;  // the personality's own: nginx's servers of this address, haproxy::Proxy
  stats::Connections* connections = nullptr;  // counted there, when somebody wants to know
  uint64_t rules =
      0;  // a hash of the rules that a connection has passed when it is idle, and of what they may refer to
  FrontLimits* front_limits = nullptr;  // null: none; else `connections` is there
  config::Where where;
  // Equal for listeners between which an idle connection makes no difference: their address and what comes before requests.
  // Set when it begins to serve.
  uint64_t identity = 0;
  ListenerPlaces* places = nullptr;  // its own limit, where it has one
  net::SocketOptions socket;
  Str interface;  // a device whose packets alone are taken; empty: all
  const net::SocketOptions* at_accept = nullptr;  // what its connections do not inherit; null: nothing
};

struct Process {
  int shards = 1;
  bool daemon = false;
  bool master = true;
  std::string user, group, pid_file, chroot;
  uint64_t max_conns = 0;  // over all shards; 0: no limit
  bool max_conns_waits = false;  // at the limit: leave connections in the backlog (HAProxy), else close them (nginx)
  uint64_t rlimit_nofile = 0;
  uint64_t most_nofile = 0;  // whatever would be needed; 0: no limit
  std::optional<uint64_t> rlimit_core;
  std::optional<int> priority;  // as for nice
  std::string working_directory;
  std::vector<CpuSet> cpus;  // by shard, empty ones and those of shards behind the end: where the system likes
  bool last_cpus_for_rest = false;  // the last one is that of all shards behind the end
  uint32_t grace = 0;  // ms between the order to drain and doing it
  static constexpr uint32_t kAnyReloads = UINT32_MAX;
  uint32_t max_reloads = kAnyReloads;  // a worker that has lived through more of them is ended
  bool dumpable = false;  // although the user has changed (HAProxy)
  bool may_gain_privileges = false;  // programs that it executes may, by setuid bits (HAProxy)
  bool all_descriptors = false;  // room for them is made at the start, however many (HAProxy's prealloc-fd)
  bool reuseport = true;  // sockets that have no opinion set SO_REUSEPORT where the product does
  uint32_t shutdown_timeout = 0;  // ms; 0: no limit
  // Over how many ms connections that a draining process closes are spread; 0: at once.
  uint32_t close_spread = 0;
  static constexpr uint32_t kNeverCloses = UINT32_MAX;  // until the clients do
  bool refuses_privileged_ports = false;  // as clients' own, below 1024
  uint32_t capabilities = 0;  // bits of those that are kept when the user changes (capabilities(7))
  bool share_idle = true;  // shards take idle server connections over from each other
  uint32_t stall_ms = 1000;  // of processor time, after which a shard that does one thing is named
  uint32_t accepts = 1;  // connections taken from a listening socket before what is open has its turn
};

struct Model {
  Arena arena;
  std::unique_ptr<config::Tree> tree;  // sources for explain and logs
  Process process;
  std::vector<Listener*> listeners;
  std::vector<Pool*> pools;  // by add_pool
  std::unordered_map<Str, Pool*> pools_by_name;
  GrowingList<Server*> servers;  // by id
  std::vector<sticky::StickTable*> stick_tables;
  std::vector<proxy::Service*> services;
  const void* nginx = nullptr;  // personalities' roots
  const void* haproxy = nullptr;

  // Just before this configuration begins to serve: its servers take over the state that former ones left, as far as the file
  // has not changed its mind.
  void settle();

  std::vector<ssl_ctx_st*> tls;  // every TLS context in use; freed with the model
  void keep_tls(ssl_ctx_st* context) { tls.push_back(context); }
  ~Model();

  void add_pool(Pool* pool) {
    pools.push_back(pool);
    pools_by_name.emplace(pool->name, pool);
  }
  // The first one of that name, or null.
  Pool* find_pool(Str name) const {
    auto it = pools_by_name.find(name);
    return it == pools_by_name.end() ? nullptr : it->second;
  }
};

// See Listener::identity.
uint64_t identity_of(const Listener& listener);

}  // namespace weir::model
