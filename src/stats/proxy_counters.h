#pragma once
// What is counted for a frontend or a backend as a whole, by all shards; servers count for themselves (model::ServerState).
// They lie in shared memory by the names of the personality's proxies; read by the runtime socket and the statistics page.
#include <atomic>
#include <cstdint>

#include "base/str.h"
#include "stats/rate.h"

namespace weir::stats {

struct alignas(64) ProxyCounters {
  Connections connections;  // from clients; frontends only
  Gauge current;  // requests under way
  std::atomic<uint64_t> requests{0};
  Rate request_rate;
  std::atomic<uint64_t> bytes_in{0};
  std::atomic<uint64_t> bytes_out{0};
  std::atomic<uint64_t> denied_requests{0};
  std::atomic<uint64_t> denied_responses{0};
  std::atomic<uint64_t> bad_requests{0};
  std::atomic<uint64_t> intercepted{0};  // answered by the frontend itself
  std::atomic<uint64_t> log_lines{0};  // never cleared: %lc numbers them
  std::atomic<uint64_t> client_aborts{0};
  std::atomic<uint64_t> server_aborts{0};
  std::atomic<uint64_t> status[6]{};  // [1..5]: 1xx to 5xx, [0]: other

  // Highest values only, or everything except what is current.
  void clear_max() {
    connections.max_current = connections.current.read();
    connections.rate.clear_max();
    request_rate.clear_max();
  }
  void clear() {
    clear_max();
    connections.total = 0;
    for (auto* c : {&requests, &bytes_in, &bytes_out, &denied_requests, &denied_responses, &bad_requests, &intercepted,
                    &client_aborts, &server_aborts})
      *c = 0;
    for (auto& s : status) s = 0;
  }
  void forget(int slot) {
    connections.current.forget(slot);
    current.forget(slot);
  }
};

// The shared ones of that name; see base/shared_records.h.
ProxyCounters* proxy_counters(Str name);

}  // namespace weir::stats
