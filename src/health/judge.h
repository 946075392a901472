#pragma once
// From results to the state of servers: counting good and bad checks, going up and down, and what follows from that for traffic
// and for servers that track others. From any thread.
#include <functional>

#include "health/check.h"
#include "health/run.h"

namespace weir::health {

// Runs a function on every shard's thread, soon.
using Everywhere = std::function<void(const std::function<void(proxy::Shard&)>&)>;

// Counts the result of a check, and draws the consequences.
void judge(const model::Server& server, const Check& check, const Outcome& outcome, int64_t duration_ms,
           const Everywhere& everywhere);

// Errors or successes that traffic met on a server. For servers whose checks observe only. True: its checks shall hurry.
enum class Seen : uint8_t { connected, unreachable, good_answer, bad_answer, bad_head, no_answer, late_answer, broken };
bool observe(const model::Server& server, Seen seen, const Everywhere& everywhere);

// An operator's word about health: the counters agree with it from here on.
void agree(const model::Server& server, bool up);
// Its administrative state or its health is another one since: servers that track it follow.
void lead_trackers(const model::Server& server, const Everywhere& everywhere);
// It has left maintenance: its health begins as the configuration says, or is that of the server which it tracks.
void begin_health(const model::Server& server);

// The state that a check lies in, and how healthy it is there.
inline model::CheckState& state_of(const model::Server& server, const Check& check) {
  return check.agent ? server.state->health.agent : server.state->health.check;
}
// Begins the count where it has not begun, or where the limits have changed.
void begin_count(const model::Server& server, const Check& check);
// Seconds that the server has been down in all, by the wall clock.
int64_t down_seconds(const model::Server& server, int64_t now_s);

}  // namespace weir::health
