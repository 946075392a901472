// See stats/server_health.h.
#include "stats/server_health.h"

#include <fmt/format.h>

#include "stats/catalogue.h"

namespace weir::stats {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

int32_t health_of(const model::Server& s) {
  return s.state->health.check.health.load(kRelaxed);
}

bool agent_says_down(const model::Server& s) {
  const health::Check* agent = running_check(s, true);
  return agent && s.state->health.agent.health.load(kRelaxed) == 0;
}

std::string down_text(const model::Server& s, const health::Check* check) {
  if (agent_says_down(s)) return "DOWN (agent)";
  if (!check || health_of(s) == 0) return "DOWN";
  return fmt::format("DOWN {}/{}", health_of(s), check->rise);
}

}  // namespace

const model::Server& checked_server(const model::Server& server) {
  const model::Server* s = &server;
  while (s->checks && s->checks->tracks) s = s->checks->tracks;
  return *s;
}

const health::Check* running_check(const model::Server& s, bool agent) {
  if (!s.checks) return nullptr;
  const health::Check* check = agent ? s.checks->agent : s.checks->check;
  const model::CheckState& state = agent ? s.state->health.agent : s.state->health.check;
  return check && state.enabled.load(kRelaxed) ? check : nullptr;
}

std::string status_of(const model::Server& server) {
  ServerView view(server);
  if (view.maint()) return view.unresolved ? "MAINT (resolution)" : "MAINT";
  const model::Server& root = checked_server(server);
  if (&root != &server)
    for (const model::Server* s = server.checks->tracks; s; s = s->checks ? s->checks->tracks : nullptr)
      if (ServerView(*s).admin == model::Admin::maint) return fmt::format("MAINT (via {}/{})", s->pool->name, s->name);
  const health::Check* check = running_check(root, false);
  if (!view.up) return down_text(root, check);
  std::string state = "UP";
  if (view.stopping)
    state = "NOLB";
  else if (view.admin == model::Admin::drain)
    state = agent_says_down(root) ? "DRAIN (agent)" : "DRAIN";
  if (check && health_of(root) < check->most_health() && health_of(root) >= check->rise)
    return fmt::format("{} {}/{}", state, health_of(root) - check->rise + 1, check->fall);
  return check || state != "UP" ? state : "no check";
}

}  // namespace weir::stats
