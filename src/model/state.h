#pragma once
// What changes about servers and pools while they serve. The *State structures lie in shared memory, by name: every worker of the
// machine counts in them and sees how they were last set, and they outlive reloads and crashes. The *Local ones are this
// process's own.
#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "base/gauge.h"
#include "base/shared_records.h"
#include "model/health.h"
#include "net/addr.h"
#include "stats/rate.h"

namespace weir::model {

struct Server;

enum class Admin : uint8_t { ready = 0, drain = 1, maint = 2 };

// An address that was set at run time, as it can lie in shared memory. Written by the control thread and by
// the one that follows names.
class MovedAddr {
 public:
  void set(const net::Addr& addr);
  void clear() { size_.store(0); }
  // False: none was set. `path` keeps the text that a Unix address points to.
  bool get(net::Addr& out, std::string& path) const;

 private:
  std::atomic<uint32_t> size_{0};  // of the path, plus 1; 0: no address
  net::FlatAddr flat_;
  bool abstract_ = false;
  bool exact_ = false;
  char path_[sizeof(sockaddr_un::sun_path)] = {};
};

// How a server was configured when its state was last taken over: what has changed in the file since wins over what was set at run time.
struct Configured {
  std::atomic<bool> known{false};
  std::atomic<uint8_t> admin{0};  // Admin
  std::atomic<bool> unresolved{false};
  std::atomic<int8_t> tls{0};
  std::atomic<int32_t> weight{0};
  std::atomic<int32_t> max_conns{0};
  std::atomic<uint64_t> addr{0};  // a hash
  static constexpr uint32_t kAddedChecks = 1u << 31;  // in Server::checks_key: of a server that was added at run time
  std::atomic<uint32_t> checks{0};  // Server::checks_key
};

// What algorithms that measure know of a server (balance/expected_time.h, balance/peak_ewma.cc). Milliseconds; times of day
// are monotonic.
struct Latency {
  std::atomic<uint64_t> header_ms{0};  // averages of good answers: until the head
  std::atomic<uint64_t> total_ms{0};  // and until the last byte
  std::atomic<uint64_t> seen_ms{0};  // when it last got a request, as far as an idle server's average goes
  Gauge inflight;  // requests whose time is not known yet
  std::atomic<uint64_t> inflight_ms{0};  // the average of what they have taken so far
  std::atomic<uint64_t> inflight_sum{0};  // what they had taken together at changed_ms
  std::atomic<uint64_t> changed_ms{0};
  std::atomic<double> rank{0};  // the logarithm of the moving average, by the time it is from
  std::atomic<uint64_t> measured_ms{0};  // when that was measured last; 0: never
};

// Since when a server takes requests again; see ServerLimits::slow_start. Monotonic.
struct Warmth {
  std::atomic<bool> serves{
      false};  // it did so when somebody last looked; false at first too, when nothing has come back
  std::atomic<uint64_t> since_ms{0};  // 0: for long
};

struct alignas(64) ServerState {
  Gauge current;  // streams on it now
  Gauge idle;  // connections kept open without a stream
  std::atomic<uint8_t> admin{0};  // Admin
  std::atomic<bool> up{true};  // as health has it
  std::atomic<bool> stopping{false};  // up, but takes no new streams
  std::atomic<int8_t> tls{0};  // 1: with Server::tls; without it 0, or -1 where the configuration says so
  std::atomic<int32_t> weight{1};
  std::atomic<int32_t> max_conns{0};
  Gauge queued;  // requests that wait for this server and no other
  std::atomic<int32_t> max_queued{0};
  Warmth warmth;
  std::atomic<uint32_t> fails{0};  // nginx: failures within fail_timeout
  std::atomic<int64_t> checked_ms{0};  // nginx: when the last failure was counted, monotonic
  // Grows from one server that comes back into service to the next; 0: it has always served, kOut: it does not.
  static constexpr uint64_t kOut = UINT64_MAX;
  std::atomic<uint64_t> back{0};
  std::atomic<int64_t> changed_s{0};  // wall clock of the last change of state
  std::atomic<uint64_t> drain_until_ms{0};  // monotonic; 0: it drains without a deadline, or not at all
  std::atomic<uint64_t> total{0};  // streams ever: each try is one
  std::atomic<uint64_t> chosen{0};  // how often the algorithm chose it; a try on the same server again is no choice
  std::atomic<uint64_t> bytes_in{0};  // from clients to it
  std::atomic<uint64_t> bytes_out{0};
  std::atomic<uint64_t> connect_errors{0};  // requests that ended so, however many tries they had
  std::atomic<uint64_t> response_errors{0};  // the same
  std::atomic<uint64_t> retries{0};  // further tries here after one here
  std::atomic<uint64_t> redispatches{0};  // further tries elsewhere after one here
  std::atomic<uint64_t> denied_responses{0};
  std::atomic<uint64_t> status[6]{};  // [1..5]: 1xx to 5xx, [0]: other
  std::atomic<uint64_t> connects{0};
  std::atomic<uint64_t> reuses{0};
  std::atomic<uint64_t> client_aborts{0};
  std::atomic<uint64_t> server_aborts{0};
  std::atomic<int32_t> max_current{0};
  std::atomic<uint64_t> used_ms{0};  // when it was last picked, monotonic
  stats::Rate rate;
  stats::Times times;
  Configured configured;
  MovedAddr moved;
  Latency latency;
  Health health;

  void forget(int slot) {
    current.forget(slot);
    idle.forget(slot);
    queued.forget(slot);
    latency.inflight.forget(slot);
  }
};

struct alignas(64) ServerLocal {
  // In place of Server::addr once that was changed; never freed while used.
  std::atomic<const net::Addr*> addr{nullptr};
  std::atomic<const std::string*> host{nullptr};  // in place of Server::host once that was changed
  std::atomic<uint64_t> idle_shards{0};  // bit i: shard i (below 64) keeps connections without a stream
  std::atomic<uint32_t> queue_left{0};  // requests that have had their place after waiting for this server
  std::atomic<bool> gone{false};  // deleted at run time; it has no address then
};

struct alignas(64) PoolState {
  Gauge current;
  Gauge queued;  // requests that wait for a place on a server
  Gauge queued_anywhere;  // of them: those that take any server
  std::atomic<int32_t> max_queued{0};  // of queued_anywhere
  std::atomic<uint64_t> total{0};
  // As servers count these, with what never got to one.
  std::atomic<uint64_t> chosen{0};
  std::atomic<uint64_t> connect_errors{0};
  std::atomic<uint64_t> response_errors{0};
  std::atomic<uint64_t> retries{0};
  std::atomic<uint64_t> redispatches{0};
  std::atomic<uint64_t> downs{0};  // times that its last usable server went
  std::atomic<int64_t> down_s{0};  // seconds that it had none, up to the last return of one
  std::atomic<int64_t> changed_s{0};  // wall clock of the last such change; 0: never
  std::atomic<int32_t> max_current{0};
  std::atomic<uint64_t> used_ms{0};  // when a request last came to it, monotonic
  std::atomic<uint64_t> changes{0};  // grows with each change of a server's state or weight, see state_changed
  stats::Rate rate;
  stats::Times times;

  void forget(int slot) {
    current.forget(slot);
    queued.forget(slot);
    queued_anywhere.forget(slot);
  }
};

// Which servers of a pool may get requests now, limits apart, in the order of the configuration. It is kept until somebody
// changes a state, or until time may bring a server back, so that a pick looks at nobody who cannot be picked. See
// balance/lineup.h.
struct Lineup {
  struct Place {
    const Server* server;
    int32_t weight;  // above 0
    // What of it dynamic algorithms give the server now, in sixteenths: all, or less while it warms up.
    int32_t share;
    bool operator==(const Place&) const = default;
  };
  std::vector<Place> active;
  std::vector<Place> backup;
  uint64_t version = 0;  // grows when the above is another; 0: never made
  uint64_t seen = 0;  // PoolState::changes when it was made
  uint64_t until_ms = 0;  // good before that time
};

struct alignas(64) PoolLocal {
  std::atomic_flag lock = ATOMIC_FLAG_INIT;  // held for a pick only
  Lineup lineup;  // guarded by it
  std::atomic<int32_t> queued{0};  // of this process
  std::atomic<int32_t> queued_anywhere{0};  // of them: those that take any server
  std::atomic<uint64_t> queue_tickets{0};  // handed out to those that wait, over all shards
  std::atomic<uint32_t> queue_left{0};  // requests that have had their place after waiting for any server
  std::array<std::atomic<uint64_t>, 64>
      queue_first{};  // by shard modulo 64: the key (proxy/queue.h) of who is first in turn there; 0: none
};

// To be called after a change of anything that decides whether a server may be picked (`admin`, `up`, `stopping`, `weight`,
// passive health), on any thread of any process: pools make their lineup anew.
void state_changed(const Server& server);

// The shared states of that name.
ServerState* server_state(Str name);
PoolState* pool_state(Str name);

}  // namespace weir::model
