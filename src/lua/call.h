#pragma once
// Running a handler. A Call stands on the stack of the step that runs it; when the script waits, it moves into the
// transaction's arena as a Parked, the step returns Next::wait, and the step goes on with it when its cursor was woken.
// The functions that scripts call find the running one in `current`; they never end a transaction or run a step: they
// note what is wanted, and the step acts on it when the script has let go.
#include <span>
#include <string>

#include "base/wheel.h"
#include "lua/state.h"
#include "proxy/transaction.h"

namespace weir::lua {

struct Call {
  State& state;
  proxy::Transaction* txn = nullptr;
  proxy::Cursor* cursor = nullptr;  // null: the script must not wait
  uint8_t phase = 0;  // the personality's own numbers
  bool response = false;  // it stands in a response rule
  bool waits_for_body = false;
  bool exited = false;  // it ended itself: `status` says how
  bool has_result = false;  // it returned a number
  bool refused = false;  // it could not be compiled, read or found; it did not run
  bool missing = false;  // because its file does not exist
  uint32_t wait_ms = 0;  // 0: only lets others run
  int status = 0;
  int64_t result = 0;
  Coroutine thread;
  const std::string* script = nullptr;  // State::pushed of what it runs
  Str problem;  // of a failure, with its place; in the transaction's arena
  Str trace;  // and the calls that led there, a line each
  void* extra = nullptr;  // what the personality's functions keep; in the transaction's arena
};

extern constinit thread_local Call* current;

// While it lives, `call` is the running one, and its time is measured.
class Running {
 public:
  explicit Running(Call& call) : outer_(current), burst_(call.state.burst) {
    current = &call;
    if (!outer_) burst_.enter(call.script);
  }
  ~Running() {
    current = outer_;
    if (!outer_) burst_.leave();
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

 private:
  Call* outer_;
  Burst& burst_;
};

enum class Outcome : uint8_t { done, waits, failed };

// A call whose script waits.
class Parked final : public proxy::Waiter, public Timer {
 public:
  explicit Parked(const Call& call);
  ~Parked() = default;
  Call call;
  // Whether what it waits for is there; a cursor may be woken by others too.
  bool ready() const;

 private:
  friend Outcome resume(Parked& parked);
  friend Outcome park(Call& call);
  void wait();
  void on_timer() override;
  bool over_ = false;
  uint32_t generation_;  // of the cursor: a step that was left behind is not gone on with
};

// Runs a function of the program with texts as arguments. `waits`: cursor.state is the Parked to go on with.
Outcome start(Call& call, uint32_t function, std::span<const Str> args = {});
Outcome start_file(Call& call, const std::string& path);
// Goes on, if it is ready (else it still waits). The call's outcome is in parked.call.
Outcome resume(Parked& parked);

// For hooks that cannot wait: runs the function on the main thread with the `args` values that `push` puts there, and leaves
// `results` of its results on it. False: call.problem and call.trace say why, and nothing is left.
template <class Push>
bool run_now(Call& call, uint32_t function, int results, Push push);
bool run_pushed(Call& call, int args, int results);
// Notes why a function could not be pushed.
void refuse(Call& call, const std::string& problem);

template <class Push>
bool run_now(Call& call, uint32_t function, int results, Push push) {
  std::string problem;
  if (!call.state.push(call.state.main(), function, problem)) {
    refuse(call, problem);
    return false;
  }
  return run_pushed(call, push(call.state.main()), results);
}

}  // namespace weir::lua
