#pragma once
// Shards that come to nothing else because one thing takes them too long: a script, a regular expression, a fault of ours. It is
// said, with where the thread is; a shard that does not come back at all ends the process, so that another worker takes
// its place (HAProxy's warn-blocked-traffic-after and its watchdog, configuration.txt 3.1). What counts is time of the
// processor: a machine that is busy with others stalls nobody, and who idles costs nothing.
//
// The handler that looks calls nothing that takes a lock, the unwinder included: the thread may hold that very lock. It copies
// the stack, and the control thread makes out the functions whose addresses are there, some of which may have returned.
#include <time.h>
#include <uv.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "master/voice.h"
#include "net/loop.h"

namespace weir::master {

class Stalls {
 public:
  // Words come out of `loop`, which has to close what is open on it before this object goes. `warn_ms`: from when on a shard
  // is named. HAProxy's watchdog is strict, and nginx has none: its face is patient.
  Stalls(uv_loop_t& loop, Voice& voice, uint32_t warn_ms, int shards);
  Stalls(const Stalls&) = delete;
  Stalls& operator=(const Stalls&) = delete;

  // On the shard's own thread: it is about to run its loop, and has done so.
  void begin(int shard, const net::Loop& loop);
  void end(int shard);

 private:
  static constexpr size_t kWords = 2048;  // of the stack
  struct Watched {
    Stalls* owner = nullptr;
    const net::Loop* loop = nullptr;
    timer_t timer{};
    bool running = false;
    uintptr_t stack_end = 0;
    // --- of the signal's handler, on the shard's thread ---
    uint32_t steps = 0;
    uint32_t ticks = 0;  // in the same step
    uintptr_t words[kWords] = {};  // what its stack holds, innermost first
    size_t depth = 0;
    std::atomic<uint32_t> said{0};  // ticks; `words` belong to who reads it while it is not 0
  };

  static void on_tick(int, siginfo_t* info, void* context);
  static void copy_stack(Watched& w, const void* context);
  void tell();
  std::string place(const Watched& w) const;

  Voice& voice_;
  uint32_t tick_ms_;
  uint32_t most_ms_;
  uv_async_t stalled_;
  std::vector<std::unique_ptr<Watched>> shards_;
};

}  // namespace weir::master
