#pragma once
// One hierarchical timing wheel per loop: six levels of 64 slots, one millisecond each at the lowest. Setting a timer to a
// later time is one store: the node stays in its slot and moves on when that slot comes due, so the usual "push the
// deadline back on every byte" costs nothing. Times are the loop's milliseconds.
#include <cstdint>

#include "base/list.h"

namespace weir {

struct TimerLink : Link {};

class Timer : public TimerLink {
 public:
  bool armed() const { return TimerLink::linked(); }
  uint64_t deadline() const { return deadline_; }

 protected:
  ~Timer() { TimerLink::unlink(); }
  // Called once when the deadline has passed; the timer is not armed any more. May arm itself again or destroy its owner.
  virtual void on_timer() = 0;

 private:
  friend class Wheel;
  uint64_t deadline_ = 0;
  uint64_t slot_at_ = 0;  // the time for which it hangs in the wheel; at most deadline_
};

class Wheel {
 public:
  static constexpr uint64_t kNever = UINT64_MAX;

  explicit Wheel(uint64_t now) : now_(now) {}
  // (Re-)arms: fires at the first advance to a time at or after `deadline`.
  void set(Timer& t, uint64_t deadline) {
    t.deadline_ = deadline;
    if (t.TimerLink::linked() && deadline >= t.slot_at_) return;
    t.TimerLink::unlink();
    hang(t, deadline);
  }
  void cancel(Timer& t) { t.TimerLink::unlink(); }
  // The earliest time at which advance has something to do, or kNever. May be earlier than the first deadline.
  uint64_t next() const;
  void advance(uint64_t now);

 private:
  static constexpr int kLevels = 6;
  static constexpr int kBits = 6;
  void hang(Timer& t, uint64_t when);
  void drain(List<Timer, TimerLink>& slot);

  uint64_t now_;
  uint64_t used_[kLevels] = {};  // a set bit: the slot may hold timers
  List<Timer, TimerLink> slots_[kLevels][1 << kBits];
};

}  // namespace weir
