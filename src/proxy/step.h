#pragma once
// Programs. What is configured for one section or location compiles to a segment: a flat array of steps. A cursor walks
// segments by call and return (HAProxy: frontend, then backend) or by switch (nginx: internal redirect). A step that has to
// wait says so, is called again when it was woken, and never blocks. This is the only suspend protocol there is.
#include <cstdint>

#include "base/str.h"
#include "config/source.h"

namespace weir::proxy {

class Transaction;
struct Cursor;
struct Segment;

enum class Next : uint8_t {
  next,  // go on with the following step
  jump,  // go on at cursor.target_step of this segment
  call,  // run cursor.target_segment, then go on behind this step
  goto_,  // run cursor.target_segment instead of everything that is left, callers included
  wait,  // call this step again when the cursor was woken (Transaction::wake)
  done,  // the cursor's work is finished: a reply was made, a forward was started, or the rules say stop
  error,  // Transaction::error says what; the cursor is finished
};

// `conf` is the step's configuration in the model's arena.
using StepFn = Next (*)(Transaction& txn, Cursor& cursor, const void* conf);

struct Step {
  StepFn run;
  const void* conf;
  config::Where where;  // for explain and log; the source lives as long as the model
};

struct Segment {
  Str name;  // "frontend web", "location /api/"
  const Step* steps = nullptr;
  uint32_t size = 0;
  const void* owner = nullptr;  // the personality's object that it was compiled from
};

// Something that a waiting cursor or a hook depends on. Cancelled when the transaction ends first.
struct Waiter {
  void (*cancel)(Waiter* self) = nullptr;
  Waiter* next = nullptr;
};

struct Cursor {
  static constexpr int kDepth = 6;
  struct Frame {
    const Segment* segment;
    uint32_t at;
  };
  Frame stack[kDepth];
  int8_t depth = -1;  // -1: idle
  bool waiting = false;
  bool resumed = false;  // the current step is called again after a wait
  uint8_t which = 0;  // its number in the transaction
  uint32_t generation = 0;  // counts starts: a step that restarted its own cursor is recognised by it
  uint32_t target_step = 0;
  const Segment* target_segment = nullptr;
  void* state = nullptr;  // of the waiting step; null when a step starts

  bool running() const { return depth >= 0; }
  void start(const Segment* s) {
    depth = 0;
    stack[0] = {s, 0};
    waiting = resumed = false;
    state = nullptr;
    generation++;
  }
  void stop() {
    depth = -1;
    waiting = false;
  }
};

// Runs until the cursor waits (true: still running) or is finished (false). `outcome` gets the last step's word.
bool run(Transaction& txn, Cursor& cursor, Next& outcome);

}  // namespace weir::proxy
