#pragma once
// How many TLS connections this process has and had, with clients and servers. Counted by net::Conn on every thread.
#include <atomic>
#include <cstdint>

namespace weir::net {

struct TlsCounts {
  std::atomic<int64_t> now{0};
  std::atomic<uint64_t> ever{0};
};
inline TlsCounts g_tls_counts;

}  // namespace weir::net
