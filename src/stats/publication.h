#pragma once
// Whether rules may choose a backend. What operators say about it outlives reloads, until the file changes its mind.
#include <atomic>

#include "base/str.h"

namespace weir::stats {

struct Publication {
  std::atomic<bool> hidden{false};
  std::atomic<uint8_t> configured{0};  // as the file said when this was last settled: 0: never, 1: published, 2: hidden

  // The file that begins to serve says so.
  void settle(bool hides) {
    const uint8_t now = hides ? 2 : 1;
    if (configured.exchange(now) != now) hidden = hides;
  }
  void forget(int) {}
};

// The shared one of that backend; see base/shared_records.h.
Publication* publication(Str name);

}  // namespace weir::stats
