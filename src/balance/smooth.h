#pragma once
// One step of nginx's smooth weighted round robin (ngx_http_upstream_round_robin.c): each server that takes part grows by its
// share, the largest is picked and loses the sum.
#include <vector>

#include "balance/lineup.h"

namespace weir::model {

// `current`: by slot, what the servers have grown to. Null when `takes_part` says yes to none.
template <class TakesPart>
const Server* pick_smoothly(Places places, std::vector<int64_t>& current, TakesPart takes_part) {
  const Server* best = nullptr;
  int64_t sum = 0;
  for (const Lineup::Place& p : places) {
    if (!takes_part(p)) continue;
    int64_t& own = current[p.server->slot];
    own += p.share;
    sum += p.share;
    if (!best || own > current[best->slot]) best = p.server;
  }
  if (best) current[best->slot] -= sum;
  return best;
}

// A request goes to `chosen` although it was not its turn: it pays for that as for a turn, but for one at a time, so that a
// server with busy clients of its own is not left without new ones for long.
inline void pay_for_turn(Places places, std::vector<int64_t>& current, const Server& chosen, int32_t weight) {
  int64_t sum = 0;
  for (const Lineup::Place& p : places) sum += p.weight;
  if (current[chosen.slot] <= weight - sum) return;
  for (const Lineup::Place& p : places) current[p.server->slot] += p.weight;
  current[chosen.slot] -= sum;
}

}  // namespace weir::model
