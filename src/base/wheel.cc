// The timing wheel of base/wheel.h. A slot of level L spans 64^L ms; entering it spreads its timers over the lower levels.
#include "base/wheel.h"

#include <algorithm>
#include <bit>

namespace weir {

void Wheel::hang(Timer& t, uint64_t when) {
  when = std::max(when, now_ + 1);
  constexpr uint64_t kSpan = (1ull << (kBits * kLevels)) - 1;
  when = std::min(when, now_ + kSpan);
  t.slot_at_ = when;
  // The highest bit in which `when` differs from now decides the level.
  int level = (63 - std::countl_zero((when ^ now_) | 1)) / kBits;
  level = std::min(level, kLevels - 1);
  unsigned index = (when >> (level * kBits)) & 63;
  slots_[level][index].push_back(&t);
  used_[level] |= 1ull << index;
}

uint64_t Wheel::next() const {
  for (int level = 0; level < kLevels; level++) {
    if (!used_[level]) continue;
    int shift = level * kBits;
    unsigned at = (now_ >> shift) & 63;
    // Slots of this level behind the current index belong to the next turn, which only the top level has.
    uint64_t ahead = used_[level] >> at >> 1 << at << 1;
    uint64_t base = now_ >> (shift + kBits) << (shift + kBits);
    if (at == 63) ahead = 0;
    if (ahead) return base + (static_cast<uint64_t>(std::countr_zero(ahead)) << shift);
    if (level == kLevels - 1) return base + ((64ull + static_cast<uint64_t>(std::countr_zero(used_[level]))) << shift);
  }
  return kNever;
}

void Wheel::drain(List<Timer, TimerLink>& slot) {
  List<Timer, TimerLink> due;
  while (Timer* t = slot.pop_front()) due.push_back(t);
  while (Timer* t = due.pop_front()) {
    if (t->deadline_ <= now_)
      t->on_timer();
    else
      hang(*t, t->deadline_);
  }
}

void Wheel::advance(uint64_t now) {
  for (uint64_t at = next(); at <= now; at = next()) {
    now_ = at;
    for (int level = kLevels - 1; level >= 0; level--) {
      int shift = level * kBits;
      if (level && (now_ & ((1ull << shift) - 1))) continue;
      unsigned index = (now_ >> shift) & 63;
      if (!(used_[level] & (1ull << index))) continue;
      used_[level] &= ~(1ull << index);
      drain(slots_[level][index]);
    }
  }
  now_ = std::max(now_, now);
}

}  // namespace weir
