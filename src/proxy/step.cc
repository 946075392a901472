// The engine of proxy/step.h: a loop over flat arrays.
#include "proxy/step.h"

#include "proxy/transaction.h"

namespace weir::proxy {

bool run(Transaction& txn, Cursor& c, Next& outcome) {
  c.waiting = false;
  while (c.depth >= 0) {
    Cursor::Frame& f = c.stack[c.depth];
    if (f.at >= f.segment->size) {
      c.depth--;
      continue;
    }
    const Step& step = f.segment->steps[f.at];
    uint32_t generation = c.generation;
    Next n = step.run(txn, c, step.conf);
    if (c.generation != generation) {  // restarted meanwhile: the loop will run it
      outcome = Next::wait;
      return true;
    }
    c.resumed = false;
    if (n == Next::next) [[likely]] {
      f.at++;
      c.state = nullptr;
      continue;
    }
    if (n == Next::wait) {
      c.waiting = true;
      outcome = n;
      return true;
    }
    c.state = nullptr;
    switch (n) {
      case Next::jump: f.at = c.target_step; break;
      case Next::call:
        f.at++;
        if (c.depth + 1 < Cursor::kDepth) c.stack[++c.depth] = {c.target_segment, 0};
        break;
      case Next::goto_:
        c.depth = 0;
        c.stack[0] = {c.target_segment, 0};
        break;
      default:
        c.stop();
        outcome = n;
        return false;
    }
  }
  outcome = Next::next;
  return false;
}

}  // namespace weir::proxy
