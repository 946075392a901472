#pragma once
// How many peers there are, for the statistics of the process.
#include <atomic>
#include <cstdint>

namespace weir::sticky {

inline std::atomic<uint32_t> g_active_peers{0};  // with a connection
inline std::atomic<uint32_t> g_connected_peers{0};  // that have said who they are

}  // namespace weir::sticky
