// Pausing, resuming and ending frontends. Shards stop taking connections first; when all have, the socket itself is told,
// so that new clients are refused instead of waiting.
#include "control/command.h"
#include "net/listening.h"
#include "proxy/shard.h"

namespace weir::control {
namespace {

using stats::FrontState;

// Its descriptors are closed, and their numbers may be something else's by now.
constexpr Str kStopping = "This process is stopping and listens no more.\n";

Outcome let_shards(Call& call, stats::ProxyEntry& front, bool accept) {
  auto* entry = &front;
  call.server.ask_shards(
      call.session,
      [entry, accept](proxy::Shard& shard) {
        for (const model::Listener* l : entry->listeners) shard.accept_from(*l, accept);
        return std::string();
      },
      [entry, accept](Session&, std::string) {
        bool told = true;
        if (!accept)
          for (const model::Listener* l : entry->listeners) told &= net::stop_listening(l->fd, l->addr);
        return std::string(told ? "" : "No connection is taken any more, but a socket still listens.\n");
      });
  return Outcome::later;
}

Outcome disable_frontend(Call& call) {
  if (call.server.stopping()) return call.refuse(kStopping);
  stats::ProxyEntry* p = call.front(call.word(2));
  if (!p) return Outcome::done;
  if (p->disabled || p->state() == FrontState::stopped)
    return call.say("Frontend was previously shut down, cannot disable.\n", Severity::notice);
  if (p->state() == FrontState::paused || p->listeners.empty())
    return call.say("All sockets are already disabled.\n", Severity::notice);
  p->set_state(FrontState::paused);
  return let_shards(call, *p, false);
}

Outcome enable_frontend(Call& call) {
  if (call.server.stopping()) return call.refuse(kStopping);
  stats::ProxyEntry* p = call.front(call.word(2));
  if (!p) return Outcome::done;
  if (p->disabled || p->state() == FrontState::stopped)
    return call.refuse("Frontend was previously shut down, cannot enable.\n");
  if (p->state() == FrontState::open) return call.say("All sockets are already enabled.\n", Severity::notice);
  p->set_state(FrontState::open);
  for (const model::Listener* l : p->listeners)
    if (::listen(l->fd, l->backlog) != 0) {
      p->set_state(FrontState::paused);
      return call.refuse("Failed to resume frontend, check logs for precise cause (port conflict?).\n");
    }
  return let_shards(call, *p, true);
}

// What is connected goes on; the address is free for others at the end of the process only.
Outcome shutdown_frontend(Call& call) {
  if (call.server.stopping()) return call.refuse(kStopping);
  stats::ProxyEntry* p = call.front(call.word(2));
  if (!p) return Outcome::done;
  if (p->disabled || p->state() == FrontState::stopped)
    return call.say("Frontend was already shut down.\n", Severity::notice);
  p->set_state(FrontState::stopped);
  return let_shards(call, *p, false);
}

constexpr Command kRows[] = {
    {{"disable", "frontend"},
     Level::admin,
     "disable frontend <frontend>",
     "take no connections for now",
     disable_frontend},
    {{"enable", "frontend"}, Level::admin, "enable frontend <frontend>", "take connections again", enable_frontend},
    {{"shutdown", "frontend"},
     Level::admin,
     "shutdown frontend <frontend>",
     "take no connections any more",
     shutdown_frontend},
};

}  // namespace

const Commands kFrontendCommands = kRows;

}  // namespace weir::control
