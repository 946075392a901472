// See proxy/spread.h.
#include "proxy/spread.h"

#include "model/model.h"

namespace weir::proxy {

void Spread::begin(uint32_t ms, uint64_t now) {
  if (end_ != 0) return;
  ms_ = ms;
  end_ = now + ms;
}

bool Spread::ticks() const {
  return ms_ != 0 && ms_ != model::Process::kNeverCloses;
}

uint64_t Spread::below(uint64_t limit) {
  return std::uniform_int_distribution<uint64_t>(0, limit - 1)(random_);
}

bool Spread::ends_now(uint64_t now) {
  if (!ticks()) return ms_ == 0;
  return now >= end_ || end_ - now <= below(ms_);
}

bool Spread::ends_in_tick(uint64_t now) {
  return now + kTickMs >= end_ || below(end_ - now) < kTickMs;
}

}  // namespace weir::proxy
