#pragma once
// What operators have said about frontends and about the limits of the process. It outlives the death of a worker; a
// configuration that is read anew begins as its file says. Written on the control thread.
#include <atomic>
#include <cstdint>

#include "base/str.h"
#include "stats/limits.h"

namespace weir::stats {

enum class FrontState : uint8_t { open, paused, stopped };

struct FrontStanding {
  std::atomic<FrontState> state{FrontState::open};
  std::atomic<int64_t> max_conns{-1};  // -1: as configured

  void forget(int) {}
  void clear() {
    state = FrontState::open;
    max_conns = -1;
  }
};

struct ProcessStanding {
  std::atomic<bool> given{false};
  std::atomic<uint64_t> max_conns{0};
  std::atomic<uint32_t> connections{0}, sessions{0}, tls_sessions{0}, compression{0};  // a second

  void forget(int) {}
  void keep(const Limits& limits);
  void restore(Limits& limits) const;
};

// The shared one of that frontend; see base/shared_records.h. While a configuration is read.
FrontStanding* front_standing(Str name);
// That of the process; asked for by share_process_standing() while a configuration is read.
ProcessStanding* process_standing();
void share_process_standing();

}  // namespace weir::stats
