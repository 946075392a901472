// See lua/watch.h.
#include "lua/watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "lua/state.h"

namespace weir::lua {

void Watch::start(uv_loop_t* loop, const model::Model& model, Tell tell) {
  program_ = Program::find(model);
  limit_ms_ = program_ ? program_->burst_ms : 0;
  if (limit_ms_ == 0) return;
  period_ms_ = std::clamp(limit_ms_ / 4, 10u, 250u);
  tell_ = std::move(tell);
  last_ms_ = uv_now(loop);
  uv_timer_init(loop, &timer_);
  timer_.data = this;
  uv_timer_start(&timer_, [](uv_timer_t* t) { static_cast<Watch*>(t->data)->look(); }, period_ms_, period_ms_);
}

// The processor's time is limited, as in HAProxy: a machine that is busy with others stops no script.
void Watch::look() {
  const uint64_t wall = uv_now(timer_.loop);
  const auto wall_ms = static_cast<uint32_t>(std::min<uint64_t>(wall - std::exchange(last_ms_, wall), 2 * period_ms_));
  program_->each_taken([&](State& state) {
    timespec used{};
    if (clock_gettime(state.clock.load(std::memory_order_acquire), &used) != 0) return;
    const uint64_t now = milliseconds(used);
    const auto busy_ms = static_cast<uint32_t>(now - std::exchange(state.looked_ms, now));
    if (state.burst.look({busy_ms, wall_ms}, limit_ms_) != Burst::Sight::held) return;
    tell_(fmt::format(
        "Lua holds shard {} (thread {}) for more than {} ms: {} waits, or is in a function that cannot be stopped",
        state.shard, state.thread, 2 * limit_ms_, state.burst.script()));
  });
}

}  // namespace weir::lua
