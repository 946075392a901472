// See balance/server_map.h.
#include "balance/server_map.h"

#include <numeric>

namespace weir::model {

ServerMap::ServerMap(const Pool& pool, bool all_backups) : all_backups_(all_backups) {
  uint32_t divisor = 0;
  for (const Server* s : pool.servers) divisor = std::gcd(divisor, static_cast<uint32_t>(s->weight));
  divisor_ = std::max(1u, divisor);
}

void ServerMap::follow(const Lineup& l) {
  std::vector<Lineup::Place> places;
  for (const Lineup::Place& p : l.active.empty() ? l.backup : l.active)
    places.push_back({p.server, (p.weight + static_cast<int32_t>(divisor_) - 1) / static_cast<int32_t>(divisor_)});
  // Without allbackups the table is as long as the first backup's weight, yet filled from all of them (lb_map.c).
  uint32_t total = 0;
  for (const Lineup::Place& p : places) {
    total += static_cast<uint32_t>(p.weight);
    if (l.active.empty() && !all_backups_) break;
  }
  fill(places, total);
  version_ = l.version;
}

// Each place of the table goes to the server whose share is most overdue, by whole multiples of the total; the first of them
// in the order of the configuration.
void ServerMap::fill(Places places, uint32_t total) {
  slots_.clear();
  slots_.reserve(total);
  bool equal = true;
  for (const Lineup::Place& p : places) equal &= p.weight == places[0].weight;
  if (equal) {  // everybody in turn
    for (uint32_t i = 0; i < total; i++) slots_.push_back(places[i % places.size()].server->slot);
    return;
  }
  std::vector<int64_t> due(places.size());
  for (uint32_t i = 0; i < total; i++) {
    size_t best = 0;
    int64_t most = -1;
    for (size_t k = 0; k < places.size() && total > 1; k++) {
      due[k] += places[k].weight;
      int64_t multiples = due[k] < 0 ? 0 : due[k] < total ? 1 : due[k] / total + 1;
      if (multiples > most) {
        most = multiples;
        best = k;
      }
    }
    due[best] -= total;
    slots_.push_back(places[best].server->slot);
  }
}

const Server* ServerMap::next(const Pool& pool, uint16_t avoid) {
  if (slots_.empty()) return nullptr;
  if (turn_ >= slots_.size()) turn_ = 0;
  const Server* avoided = nullptr;
  size_t at = turn_, after_avoided = 0;
  do {
    const Server* s = pool.servers[slots_[at++]];
    if (!at_limit(*s)) {
      avoided = s;
      after_avoided = at;
      if (s->slot != avoid) {
        turn_ = at;
        return s;
      }
    }
    if (at == slots_.size()) at = 0;
  } while (at != turn_);
  if (avoided) turn_ = after_avoided;
  return avoided;
}

}  // namespace weir::model
