#pragma once
// Whether rules may choose a backend, and how it makes cookies of its servers' addresses. What operators say about it outlives
// reloads, until the file changes its mind.
#include <atomic>

#include "base/str.h"
#include "model/health.h"

namespace weir::stats {

struct Publication {
  std::atomic<bool> hidden{false};
  std::atomic<uint8_t> configured{0};  // as the file said when this was last settled: 0: never, 1: published, 2: hidden

  // The file that begins to serve says so.
  void settle(bool hides) {
    const uint8_t now = hides ? 2 : 1;
    if (configured.exchange(now) != now) hidden = hides;
  }
  // The same for cookies; `key`: the file's, to tell that it is another one.
  void settle_cookies(bool dynamic, Str key);
  void forget(int) {}

  std::atomic<bool> dynamic_cookies{false};
  model::SharedText<128> cookie_key;  // set at run time; empty: the file's counts
  std::atomic<uint64_t> configured_cookies{0};  // a digest of what the file said when this was last settled; 0: never
};

// The shared one of that backend; see base/shared_records.h.
Publication* publication(Str name);

}  // namespace weir::stats
