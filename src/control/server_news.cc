// See control/server_news.h.
#include "control/server_news.h"

#include <fmt/format.h>

namespace weir::control {
namespace {

using model::Admin;

constexpr uint8_t kEmergency = 0, kAlert = 1, kNotice = 5;

uint32_t usable_servers(const stats::ProxyEntry& backend) {
  stats::PoolView view(*backend.pool);
  return view.active + view.backup;
}

void say_about(const Tell& to, const stats::ProxyEntry& backend, const model::Server& server, Str what, uint8_t level) {
  std::string line = fmt::format("{}Server {}/{} {}.", server.backup ? "Backup " : "", backend.name, server.name, what);
  if (to) to(backend, {line, line, level, false});
}

Str up_or_down(const stats::ServerView& v) {
  return v.up ? "UP" : "DOWN";
}

Tell& told() {
  static Tell tell;
  return tell;
}

}  // namespace

const Tell& teller() {
  return told();
}
void set_teller(Tell tell) {
  told() = std::move(tell);
}

ServerNews::ServerNews(const Tell& to, const stats::ProxyEntry& backend, const model::Server& server)
    : to_(to), backend_(backend), server_(server), before_(server), usable_(usable_servers(backend)) {}

void ServerNews::tell(Str cause) const {
  stats::ServerView now(server_);
  if (now.admin != before_.admin)
    tell_admin(now);
  else if (!now.maint())
    tell_health(now, cause);
  tell_last();
}

void ServerNews::tell_address(Str about) const {
  stats::ServerView now(server_);
  const bool quiet = before_.stopping || before_.admin == Admin::drain;
  if (now.admin == Admin::maint) {
    if (!now.unresolved) say(fmt::format("('{}') resolves again but remains in maintenance", about), kNotice);
  } else if (!now.unresolved) {
    Str state = now.admin == Admin::drain ? "DRAIN" : "READY";
    say(fmt::format("('{}') is {}/{} (resolves again)", about, up_or_down(now), state), kNotice);
  } else if (now.up) {
    say_with_others(fmt::format("is going DOWN for maintenance ({})", about), true, quiet ? kNotice : kAlert);
  } else {
    say_with_others(fmt::format("was DOWN and now enters maintenance ({})", about), true, kNotice);
  }
  tell_last();
}

void ServerNews::tell_last() const {
  if (!usable_ || usable_servers(backend_)) return;
  Str kind = backend_.front ? "proxy" : "backend";
  if (!to_) return;
  to_(backend_, {fmt::format("{} '{}' has no server available!", kind, backend_.name),
                 fmt::format("{} {} has no server available!", kind, backend_.name), kEmergency, true});
}

void ServerNews::tell_admin(const stats::ServerView& now) const {
  const bool left = before_.admin == Admin::maint, drains = now.admin == Admin::drain;
  if (now.unresolved) {
    if (left) say("is leaving forced maintenance but remains in maintenance", kNotice);
  } else if (now.admin == Admin::maint) {
    bool quiet = before_.stopping || before_.admin == Admin::drain;
    if (now.up)
      say_with_others("is going DOWN for maintenance", true, quiet ? kNotice : kAlert);
    else
      say_with_others("was DOWN and now enters maintenance", true, kNotice);
  } else if (left) {
    say(fmt::format("is {}/{} (leaving forced maintenance)", up_or_down(now), drains ? "DRAIN" : "READY"), kNotice);
    if (drains) say("remains in forced drain mode", kNotice);
  } else if (drains) {
    say_with_others("enters drain state", !now.up, kNotice);
  } else {
    say(fmt::format("is {} (leaving forced drain)", up_or_down(now)), kNotice);
  }
}

void ServerNews::tell_health(const stats::ServerView& now, Str cause) const {
  bool quiet = before_.stopping || before_.admin == Admin::drain;
  if (before_.up && !now.up)
    say_with_others(fmt::format("is DOWN{}", cause), true, quiet ? kNotice : kAlert);
  else if (now.up && now.stopping && !(before_.up && before_.stopping))
    say_with_others(fmt::format("is stopping{}", cause), false, kNotice);
  else if (now.up && !now.stopping && !(before_.up && !before_.stopping))
    say_with_others(fmt::format("is UP{}", cause), false, kNotice);
}

void ServerNews::say_with_others(std::string what, bool leaves, uint8_t level) const {
  stats::PoolView pool(*backend_.pool);
  what += fmt::format(". {} active and {} backup servers {}.", pool.active, pool.backup, leaves ? "left" : "online");
  if (pool.backup && !pool.active) what += " Running on backup.";
  int32_t queued = backend_.pool->state->queued.read();
  what += leaves ? fmt::format(" {} sessions active, 0 requeued, {} remaining in queue", server_.state->current.read(),
                               queued)
                 : fmt::format(" 0 sessions requeued, {} total in queue", queued);
  say(std::move(what), level);
}

void ServerNews::say(std::string what, uint8_t level) const {
  say_about(to_, backend_, server_, what, level);
}

void tell_deadline(Server& to, const stats::ProxyEntry& backend, const model::Server& server, uint64_t ms) {
  say_about(to.access().tell, backend, server, fmt::format("drains for {} ms, then its sessions are shut down", ms),
            kNotice);
}

void tell_drained(Server& to, const stats::ProxyEntry& backend, const model::Server& server) {
  say_about(
      to.access().tell, backend, server,
      fmt::format("has drained for long enough, {} sessions are shut down", std::max(0, server.state->current.read())),
      kNotice);
}

}  // namespace weir::control
