// See stats/broken.h. There are as many as listeners and pools at most, so they are looked for one by one.
#include "stats/broken.h"

#include <algorithm>

namespace weir::stats {

void BrokenMessages::keep(BrokenMessage message) {
  std::lock_guard hold(lock_);
  message.number = count_++;
  auto same = [&](const BrokenMessage& m) {
    if (m.response != message.response) return false;
    return m.response ? m.pool == message.pool : m.listener == message.listener;
  };
  auto at = std::ranges::find_if(last_, same);
  if (at == last_.end())
    last_.push_back(std::move(message));
  else
    *at = std::move(message);
}

uint64_t BrokenMessages::count() const {
  std::lock_guard hold(lock_);
  return count_;
}

bool BrokenMessages::request_of(const std::vector<model::Listener*>& listeners, BrokenMessage& out) const {
  std::lock_guard hold(lock_);
  const BrokenMessage* newest = nullptr;
  for (const BrokenMessage& m : last_) {
    bool theirs = !m.response && std::ranges::find(listeners, m.listener) != listeners.end();
    if (theirs && (!newest || newest->number < m.number)) newest = &m;
  }
  if (newest) out = *newest;
  return newest;
}

bool BrokenMessages::response_of(const model::Pool* pool, BrokenMessage& out) const {
  std::lock_guard hold(lock_);
  for (const BrokenMessage& m : last_) {
    if (!m.response || m.pool != pool) continue;
    out = m;
    return true;
  }
  return false;
}

}  // namespace weir::stats
