// The watcher of a worker's scripts: whom it watches, and what it says.
#include "lua/watch.h"

#include <criterion/criterion.h>

#include "lua/state.h"

using namespace weir;

namespace {

const std::string kScript = "access_by_lua(nginx.conf:7)";

// A control thread's loop with a watcher.
struct Bench {
  model::Model model;
  lua::Watch watch;
  uv_loop_t loop;
  std::string said;

  Bench() { uv_loop_init(&loop); }
  ~Bench() {
    uv_walk(&loop, [](uv_handle_t* h, void*) { uv_close(h, nullptr); }, nullptr);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
  }
  void start() {
    watch.start(&loop, model, [this](const std::string& text) {
      said = text;
      uv_stop(&loop);
    });
  }
};

}  // namespace

Test(lua_watch, names_what_cannot_be_stopped) {
  Bench b;
  lua::Program& program = lua::Program::of(b.model);
  program.burst_ms = 10;
  std::string problem;
  lua::State* state = program.take(problem);
  cr_assert(state, "%s", problem.c_str());
  state->shard = 3;
  state->thread = 77;
  clockid_t clock = -1;
  pthread_getcpuclockid(pthread_self(), &clock);
  state->clock = clock;
  state->burst.enter(&kScript);
  b.start();
  uv_idle_t busy;
  uv_idle_init(&b.loop, &busy);
  uv_idle_start(&busy, [](uv_idle_t*) {});
  uv_run(&b.loop, UV_RUN_DEFAULT);
  cr_expect(b.said ==
                "Lua holds shard 3 (thread 77) for more than 20 ms: access_by_lua(nginx.conf:7) waits, or is in a "
                "function that cannot be stopped",
            "%s", b.said.c_str());
  // The limit is about the processor's time, which comes later on a machine that is busy with others.
  while (*static_cast<const volatile int32_t*>(state->burst.word()) >= 0) uv_run(&b.loop, UV_RUN_ONCE);
}

Test(lua_watch, has_nothing_to_do_without_scripts_or_limit) {
  Bench b;
  b.start();
  cr_expect(!uv_loop_alive(&b.loop), "no scripts");
  lua::Program::of(b.model).burst_ms = 0;
  b.start();
  cr_expect(!uv_loop_alive(&b.loop), "no limit");
}
