// Commands that change servers. Each writes the server's state, which every shard reads at its next pick.
#include <fmt/format.h>
#include <stdlib.h>

#include <algorithm>

#include "control/command.h"
#include "control/server_maker.h"
#include "control/server_news.h"
#include "control/words.h"
#include "health/checks.h"
#include "proxy/server_mark.h"
#include "proxy/shard.h"
#include "stats/server_change.h"

namespace weir::control {
namespace {

using model::Admin;

stats::ProxyEntry& backend_of(Call& call, const model::Server& server) {
  return *call.server.catalogue().find_back(server.pool->name);
}

// A change is told to operators, if it made a difference, and its consequences are drawn.
template <class Change>
void change_state(Call& call, const model::Server& server, Change change) {
  ServerNews news(call.server.access().tell, backend_of(call, server), server);
  proxy::ServerMark mark(server);
  change();
  news.tell(", changed from CLI");
  call.server.on_shards(mark.since());
  if (health::Checks* checks = health::checks()) {
    health::lead_trackers(server, checks->everywhere());
    checks->changed(server);
  }
}

const health::ServerChecks& checks_of(const model::Server& server) {
  static const health::ServerChecks none;
  return server.checks ? *server.checks : none;
}

void set_admin(Call& call, const model::Server& server, Admin admin) {
  change_state(call, server, [&] { stats::set_admin(server, admin); });
}

void set_ready(Call& call, const model::Server& server) {
  set_admin(call, server, Admin::ready);
  call.server.server_changed(server);
}

// strtol's idea of a number at the start of a text; false: there is none.
bool leading_number(Str text, long& n, Str& rest) {
  std::string copy(text);
  char* end = nullptr;
  n = strtol(copy.c_str(), &end, 10);
  rest = text.substr(static_cast<size_t>(end - copy.c_str()));
  return end != copy.c_str();
}

// --- weight ---

Outcome change_weight(Call& call, const model::Server& server, Str text) {
  long n = 0;
  Str rest;
  if (text.empty()) return call.refuse("Require <weight> or <weight%>.\n");
  if (!leading_number(text, n, rest)) return call.refuse("Empty weight string empty or preceded by garbage\n");
  if (rest == "%") {
    if (n < 0) return call.refuse("Relative weight must be positive.\n");
    n = std::min<long>(256, server.weight * std::min<long>(n, 25600) / 100);
  } else if (n < 0 || n > 256) {
    return call.refuse("Absolute weight can only be between 0 and 256 inclusive.\n");
  } else if (!rest.empty()) {
    return call.refuse("Trailing garbage in weight string\n");
  }
  change_state(call, server, [&] { stats::set_weight(server, static_cast<int32_t>(n)); });
  return Outcome::done;
}

Outcome get_weight(Call& call) {
  const model::Server* s = call.find_server(call.word(2));
  if (s) call.out += fmt::format("{} (initial {})\n", s->state->weight.load(std::memory_order_relaxed), s->weight);
  return Outcome::done;
}

Outcome set_weight(Call& call) {
  const model::Server* s = call.find_server(call.word(2));
  return s ? change_weight(call, *s, call.word(3)) : Outcome::done;
}

// --- set server ---

// "deadline <delay>", weir's own: what is left on the server by then is ended.
Outcome set_drain(Call& call, const model::Server& server) {
  if (call.word(5).empty()) {
    set_admin(call, server, Admin::drain);
    return Outcome::done;
  }
  if (call.word(5) != "deadline")
    return call.refuse("'set server <srv> state drain' may be followed by 'deadline <delay>' only.\n");
  if (call.word(6).empty()) return call.refuse("Expects a duration in milliseconds.\n");
  auto ms = parse_duration(call.word(6), 1);
  if (!ms || *ms < 1) return call.refuse("Invalid duration.\n");
  if (!call.word(7).empty()) return call.refuse("'deadline <delay>' ends the command.\n");
  set_admin(call, server, Admin::drain);
  call.server.drains().begin(server, *ms);
  tell_deadline(call.server, backend_of(call, server), server, *ms);
  return Outcome::done;
}

Outcome set_state(Call& call, const model::Server& server) {
  Str to = call.word(4);
  if (to != "drain" && call.word(5) == "deadline")
    return call.refuse("A deadline belongs to the state 'drain' only.\n");
  if (to == "ready")
    set_ready(call, server);
  else if (to == "drain")
    return set_drain(call, server);
  else if (to == "maint")
    set_admin(call, server, Admin::maint);
  else
    return call.refuse("'set server <srv> state' expects 'ready', 'drain' and 'maint'.\n");
  return Outcome::done;
}

Outcome set_health(Call& call, const model::Server& server) {
  Str to = call.word(4);
  if (to != "up" && to != "stopping" && to != "down")
    return call.refuse("'set server <srv> health' expects 'up', 'stopping', or 'down'.\n");
  if (checks_of(server).tracks) return call.refuse("cannot change health on a tracking server.\n");
  if (stats::ServerView(server).maint()) return Outcome::done;
  health::agree(server, to != "down");
  change_state(call, server, [&] { stats::set_health(server, to != "down", to == "stopping"); });
  return Outcome::done;
}

bool has_agent(const model::Server& server) {
  return checks_of(server).agent && server.state->health.agent.enabled.load();
}

// What the agent's last answer would have done.
Outcome set_agent(Call& call, const model::Server& server) {
  if (!has_agent(server)) return call.refuse("agent checks are not enabled on this server.\n");
  Str to = call.word(4);
  if (to != "up" && to != "down") return call.refuse("'set server <srv> agent' expects 'up' or 'down'.\n");
  const health::Check& agent = *checks_of(server).agent;
  server.state->health.agent.health.store(to == "up" ? agent.most_health() : 0);
  change_state(call, server, [&] { stats::set_health(server, to == "up", false); });
  return Outcome::done;
}

Outcome set_agent_text(Call& call, const model::Server& server) {
  if (!has_agent(server)) return call.refuse("agent checks are not enabled on this server.\n");
  if (call.word(4).size() > decltype(model::Health::agent_send)::kMost)
    return call.refuse("cannot allocate memory for new string.\n");
  server.state->health.agent_send.set(call.word(4));
  return Outcome::done;
}

// "ADDR [port PORT]" or, for words that end in "-port", a port.
Outcome set_check_place(Call& call, const health::Check* check, model::CheckState& state, Str whose) {
  bool only_port = call.word(3).ends_with("-port");
  if (call.word(4).empty())
    return call.refuse(fmt::format("set server <b>/<s> {} requires {}.\n", call.word(3),
                                   only_port ? "a port" : "an address and optionally a port"));
  if (!check) return call.say(fmt::format("{} checks are not enabled on this server", whose), Severity::warning);
  std::string port(only_port ? call.word(4) : call.word(5) == "port" ? call.word(6) : Str());
  std::string news;
  if (!only_port) {
    net::Addr to;
    if (!net::parse_ip(call.word(4), to))
      return call.say(fmt::format("invalid addr '{}'", call.word(4)), Severity::warning);
    state.moved.set_addr(to);
    news = fmt::format("{} address changed to '{}'", whose, call.word(4));
  }
  if (!port.empty()) {
    auto n = parse_u64(port);
    if (!n || *n > 65535) return call.say("provided port is not an integer", Severity::warning);
    state.moved.set_port(static_cast<uint16_t>(*n));
    news += fmt::format("{}{} port changed to '{}'", news.empty() ? "" : ", ", whose, port);
  }
  return call.say(news + " by 'stats socket command'", Severity::warning);
}
Outcome set_agent_address(Call& call, const model::Server& server) {
  return set_check_place(call, has_agent(server) ? checks_of(server).agent : nullptr, server.state->health.agent,
                         "agent");
}
Outcome set_check_address(Call& call, const model::Server& server) {
  bool on = server.state->health.check.enabled.load();
  return set_check_place(call, on ? checks_of(server).check : nullptr, server.state->health.check, "health");
}

std::string ip_text(const net::Addr& a) {
  Arena arena;
  return std::string(a.ip_text(arena));
}

Outcome set_address(Call& call, const model::Server& server) {
  const net::Addr& now = server.address();
  if (call.word(4).empty()) return call.refuse("set server <b>/<s> addr requires an address and optionally a port.\n");
  if (!now.is_ip() && !server.without_address())
    return call.say("Update for the current server address family is only supported through configuration file.",
                    Severity::warning);
  net::Addr to;
  if (!net::parse_ip(call.word(4), to))
    return call.say(fmt::format("Invalid addr '{}'", call.word(4)), Severity::warning);
  to.port = now.port;
  if (call.word(5) == "port" && !call.word(6).empty()) {
    Str text = call.word(6);
    // HAProxy takes a sign for the client's port moved by so much.
    if (text.starts_with('+') || text.starts_with('-'))
      return call.say(
          fmt::format("port '{}' would follow the client's port, which only the file can say in weir", text),
          Severity::warning);
    auto port = parse_u64(text);
    if (!port || *port > 65535)
      return call.say(fmt::format("problem converting port '{}' to an int", text), Severity::warning);
    to.port = static_cast<uint16_t>(*port);
  }
  std::string news;
  if (ip_text(now) != ip_text(to)) news = fmt::format("IP changed from '{}' to '{}'", ip_text(now), ip_text(to));
  if (now.port != to.port)
    news += fmt::format("{}port changed from '{}' to '{}'", news.empty() ? "" : ", ", now.port, to.port);
  if (news.empty()) return call.say("nothing changed", Severity::warning);
  call.server.move_server(server, to);
  return call.say(news + " by 'stats socket command'", Severity::warning);
}

bool is_host_name(Str name) {
  auto fits = [](char c) {
    return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z') || Str("-_.").find(c) != Str::npos;
  };
  return name.size() <= 253 && std::all_of(name.begin(), name.end(), fits);
}

Outcome set_name(Call& call, const model::Server& server) {
  Str to = call.word(4);
  if (to.empty()) return call.refuse("set server <b>/<s> fqdn requires a FQDN.\n");
  if (!server.follows) return call.refuse("set server <b>/<s> fqdn failed because no resolution is configured.\n");
  if (!is_host_name(to)) return call.refuse(fmt::format("invalid fqdn '{}'\n", to));
  const std::string* changed = server.local->host.load();
  net::Addr literal;
  std::string before = changed ? *changed : net::parse_ip(server.host, literal) ? "(null)" : std::string(server.host);
  call.server.rename_server(server, std::string(to));
  return call.say(fmt::format("{}/{} changed its FQDN from {} to {} by 'stats socket command'", server.pool->name,
                              server.name, before, to),
                  Severity::warning);
}

Outcome set_tls(Call& call, const model::Server& server) {
  if (!server.tls)
    return call.refuse("'set server <srv> ssl' cannot be set.  default-server should define ssl settings\n");
  Str to = call.word(4);
  if (to != "on" && to != "off") return call.refuse("'set server <srv> ssl' expects 'on' or 'off'.\n");
  server.state->tls.store(to == "on");
  call.server.on_shards([&server](proxy::Shard& shard) { shard.upstreams.close_idle(server); });
  return call.say("server ssl setting updated.\n", Severity::notice);
}

// Why it cannot have that name; empty: it can.
std::string rename_problem(ServerMaker* maker, const model::Server& server, Str name) {
  constexpr size_t kLongest = 63;
  if (!std::all_of(name.begin(), name.end(), ServerMaker::fits_name))
    return "Server name contains invalid characters.\n";
  if (name.size() > kLongest) return "Server name too long.\n";
  if (!stats::ServerView(server).maint())
    return "Server must be in maintenance mode to be renamed (set server <b>/<s> state maint).\n";
  if (!maker || !maker->refusal(*server.pool).empty())
    return "Cannot rename: the backend's algorithm does not let its servers change.\n";
  if (maker->needed(server))
    return "Cannot rename: server's name is statically referenced (use-server, track, or sample argument).\n";
  for (const model::Server* s : server.pool->servers)
    if (s != &server && s->name == name && !s->absent())
      return "A server with the same name already exists in this backend.\n";
  return {};
}

Outcome rename(Call& call, const model::Server& server) {
  const Str name = call.word(4);
  if (name.empty()) return call.refuse("set server <b>/<s> name requires a new name.\n");
  ServerMaker* maker = call.server.access().servers;
  if (std::string problem = rename_problem(maker, server, name); !problem.empty()) return call.refuse(problem);
  if (name == server.name) return call.say("Server name updated.\n", Severity::notice);
  health::Checks* checks = health::checks();
  if (checks) checks->remove(server);
  const model::Server& renamed = maker->rename(server, name);
  if (checks) checks->add(renamed);
  return call.say("Server name updated.\n", Severity::notice);
}

struct Aspect {
  Str name;
  Outcome (*set)(Call& call, const model::Server& server);
};
constexpr Aspect kAspects[] = {
    {"addr", set_address},
    {"agent", set_agent},
    {"agent-addr", set_agent_address},
    {"agent-port", set_agent_address},
    {"agent-send", set_agent_text},
    {"check-addr", set_check_address},
    {"check-port", set_check_address},
    {"fqdn", set_name},
    {"health", set_health},
    {"name", rename},
    {"ssl", set_tls},
    {"state", set_state},
    {"weight", [](Call& call, const model::Server& s) { return change_weight(call, s, call.word(4)); }},
};

Outcome set_server(Call& call) {
  const model::Server* s = call.find_server(call.word(2));
  if (!s) return Outcome::done;
  for (const Aspect& a : kAspects)
    if (a.name == call.word(3)) return a.set(call, *s);
  return call.refuse(
      "usage: set server <backend>/<server> addr | agent | agent-addr | agent-port | agent-send | check-addr | "
      "check-port | fqdn | health | name | ssl | state | weight\n");
}

// --- the others ---

Outcome set_maxconn(Call& call) {
  const model::Server* s = call.find_server(call.word(3));
  if (!s) return Outcome::done;
  long n = 0;
  Str rest;
  if (call.word(4).empty()) return call.refuse("Require <maxconn>.\n");
  if (!leading_number(call.word(4), n, rest)) return call.refuse("maxconn string empty or preceded by garbage\n");
  if (!rest.empty()) return call.refuse("Trailing garbage in maxconn string\n");
  if (n < 0 || n > INT32_MAX) return call.refuse("Value out of range.\n");
  s->state->max_conns.store(static_cast<int32_t>(n), std::memory_order_relaxed);
  call.server.server_changed(*s);
  return Outcome::done;
}

Outcome enable_server(Call& call) {
  if (const model::Server* s = call.find_server(call.word(2))) set_ready(call, *s);
  return Outcome::done;
}
Outcome disable_server(Call& call) {
  if (const model::Server* s = call.find_server(call.word(2))) set_admin(call, *s, Admin::maint);
  return Outcome::done;
}

// Which servers drain, how much is left on them, and for how long they may ("-": no deadline).
Outcome show_drains(Call& call) {
  call.out += "# bkname/svname served deadline_ms\n";
  for (const stats::ProxyEntry& p : call.server.catalogue().proxies) {
    if (!p.back) continue;
    for (const model::Server* s : p.pool->servers) {
      stats::ServerView view(*s);
      if (view.maint() || view.admin != Admin::drain) continue;
      uint64_t left = call.server.drains().left_ms(*s);
      call.out += fmt::format("{}/{} {} {}\n", p.name, s->name, std::max(0, s->state->current.read()),
                              left ? std::to_string(left) : "-");
    }
  }
  return Outcome::done;
}

// Where there are none, turning them off changes nothing.
Outcome enable_checks(Call& call) {
  const model::Server* s = call.find_server(call.word(2));
  if (!s) return Outcome::done;
  bool agent = call.word(1) == "agent";
  if (!(agent ? checks_of(*s).agent : checks_of(*s).check))
    return call.refuse(agent ? "Agent was not configured on this server, cannot enable.\n"
                             : "Health check was not configured on this server, cannot enable.\n");
  (agent ? s->state->health.agent : s->state->health.check).enabled.store(true);
  if (health::Checks* checks = health::checks()) checks->changed(*s);
  return Outcome::done;
}
Outcome disable_checks(Call& call) {
  const model::Server* s = call.find_server(call.word(2));
  if (s) (call.word(1) == "agent" ? s->state->health.agent : s->state->health.check).enabled.store(false);
  return Outcome::done;
}

constexpr Command kRows[] = {
    {{"set", "server"},
     Level::admin,
     "set server <bk>/<srv> [opts]",
     "change a server's state, weight, address …",
     set_server},
    {{"get", "weight"}, Level::user, "get weight <bk>/<srv>", "a server's weight now and at the start", get_weight},
    {{"set", "weight"},
     Level::admin,
     "set weight <bk>/<srv>  (DEPRECATED)",
     "write: set server <bk>/<srv> weight",
     set_weight},
    {{"set", "maxconn", "server"},
     Level::admin,
     "set maxconn server <bk>/<srv>",
     "limit of requests on a server",
     set_maxconn},
    {{"show", "servers", "drain"},
     Level::user,
     "show servers drain",
     "servers that drain, and their deadlines",
     show_drains},
    {{"enable", "server"},
     Level::admin,
     "enable server  (DEPRECATED)",
     "write: set server <bk>/<srv> state ready",
     enable_server},
    {{"disable", "server"},
     Level::admin,
     "disable server (DEPRECATED)",
     "write: set server <bk>/<srv> state maint",
     disable_server},
    {{"enable", "health"}, Level::admin, "enable health", "turn a server's checks on", enable_checks},
    {{"disable", "health"}, Level::admin, "disable health", "turn a server's checks off", disable_checks},
    {{"enable", "agent"}, Level::admin, "enable agent", "turn a server's agent checks on", enable_checks},
    {{"disable", "agent"}, Level::admin, "disable agent", "turn a server's agent checks off", disable_checks},
};

}  // namespace

const Commands kServerCommands = kRows;

}  // namespace weir::control
