// `show` commands about the process, the sockets and what servers are doing.
#include <fmt/format.h>
#include <unistd.h>

#include "balance/balancer.h"
#include "control/command.h"
#include "health/check.h"

extern "C" char** environ;

namespace weir::control {
std::string environment(Str name) {
  std::string out;
  for (char** v = environ; v && *v; v++) {
    Str line = *v;
    if (name.empty() || (line.starts_with(name) && line.substr(name.size()).starts_with('='))) (out += line) += '\n';
  }
  return out;
}

namespace {

Outcome show_version(Call& call) {
  return call.say(call.server.catalogue().version);
}

Outcome show_level(Call& call) {
  return call.say(level_name(call.session.level));
}

Outcome show_env(Call& call) {
  std::string lines = environment(call.word(2));
  call.out += lines;
  return lines.empty() ? call.refuse("Variable not found\n") : Outcome::done;
}

Outcome show_startup_logs(Call& call) {
  if (call.server.access().startup_log) call.out += call.server.access().startup_log();
  return Outcome::done;
}

Outcome show_cli_sockets(Call& call) {
  call.out += "# socket lvl processes\n";
  for (const SocketConf& s : call.server.sockets()) call.out += fmt::format("{} {} all\n", s.text, level_name(s.level));
  return Outcome::done;
}

Outcome show_backend(Call& call) {
  call.out += "# name\n";
  for (const stats::ProxyEntry& p : call.server.catalogue().proxies)
    if (p.back) call.out += fmt::format("{}\n", p.name);
  return Outcome::done;
}

// --- servers ---

std::string address_only(const net::Addr& a) {
  Arena arena;
  return a.is_ip() ? std::string(a.ip_text(arena)) : "-";
}

// srv_check_status to srv_check_state, or srv_agent_state; and where the check goes.
struct CheckText {
  std::string result;
  int state = 0;
  int port = 0;
  std::string addr = "-";
};

void add_place(CheckText& out, const health::Check& check, const model::CheckState& state) {
  net::Addr addr = check.addr;
  state.moved.addr(addr);
  out.addr = address_only(addr);
  out.port = state.moved.port() ? state.moved.port() : check.port;
}

constexpr int kConfigured = 2, kEnabled = 4, kPaused = 8, kAgent = 16;

CheckText check_text(const model::Server& s, const stats::ServerView& view, int32_t rise) {
  const health::Check* check = s.checks ? s.checks->check : nullptr;
  bool healthy = view.running() && !s.disabled;
  CheckText out;
  if (!check) {
    out.result = fmt::format("1 0 {} {}", healthy ? rise : 0, s.disabled ? kPaused : 0);
    return out;
  }
  const model::CheckState& state = s.state->health.check;
  auto status = std::max<uint8_t>(1, state.status.load());
  int bits = kConfigured | (state.enabled.load() ? kEnabled : 0) | (view.maint() ? kPaused : 0);
  out.result =
      fmt::format("{} {} {} {}", status, static_cast<int>(health::result_of(static_cast<health::Status>(status))),
                  view.maint() ? 0 : state.health.load(), bits);
  add_place(out, *check, state);
  return out;
}

CheckText agent_text(const model::Server& s) {
  CheckText out;
  const health::Check* agent = s.checks ? s.checks->agent : nullptr;
  if (!agent) return out;
  out.state = kAgent | kConfigured | (s.state->health.agent.enabled.load() ? kEnabled : 0);
  add_place(out, *agent, s.state->health.agent);
  return out;
}

void state_line(std::string& out, const stats::ProxyEntry& p, const model::Server& s, const stats::ServerEntry& e,
                const stats::Moment& m) {
  stats::ServerView view(s);
  int64_t changed = s.state->changed_s.load(std::memory_order_relaxed);
  int64_t age = changed ? std::max<int64_t>(0, m.now_s - changed) : static_cast<int64_t>(m.uptime_s());
  constexpr int kStarting = 1, kRunning = 2;
  int operation = view.operational_state();
  if (operation == kRunning && model::warming(s, m.now_ms)) operation = kStarting;
  net::Addr numeric;
  const std::string* renamed = s.local->host.load();
  Str host = renamed ? Str(*renamed) : e.host;
  bool named = !host.empty() && !net::parse_ip(host, numeric);
  CheckText check = check_text(s, view, e.rise), agent = agent_text(s);
  out += fmt::format("{} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} - {} {} {} {} {}\n", p.id, p.name, e.id, s.name,
                     address_only(s.address()), operation, view.admin_state(s), view.weight, s.weight, age,
                     check.result, agent.state, p.forced_id ? 1 : 0, e.forced_id ? 1 : 0, named ? host : Str("-"),
                     s.address().is_ip() ? s.address().port : 0, int{s.state->tls.load()}, check.port, check.addr,
                     agent.addr, agent.port);
}

Outcome show_servers(Call& call) {
  stats::Catalogue& catalogue = call.server.catalogue();
  const stats::ProxyEntry* only = nullptr;
  if (!call.word(3).empty() && !(only = catalogue.find_back(call.word(3)))) return call.refuse("Can't find backend.\n");
  call.out +=
      "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight "
      "srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state "
      "srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl "
      "srv_check_port srv_check_addr srv_agent_addr srv_agent_port\n";
  stats::Moment m = call.server.moment();
  for (const stats::ProxyEntry& p : catalogue.proxies) {
    if (!p.back || (only && &p != only)) continue;
    for (const model::Server* s : p.pool->servers)
      if (!s->absent()) state_line(call.out, p, *s, catalogue.of(*s), m);
  }
  return Outcome::done;
}

constexpr Command kRows[] = {
    {{"show", "version"}, Level::user, "show version", "version of this process", show_version},
    {{"show", "cli", "sockets"}, Level::user, "show cli sockets", "the runtime sockets", show_cli_sockets},
    {{"show", "cli", "level"}, Level::user, "show cli level", "the rights of this session", show_level},
    {{"show", "env"}, Level::operate, "show env [var]", "environment of this process", show_env},
    {{"show", "backend"}, Level::user, "show backend", "names of the backends", show_backend},
    {{"show", "servers", "state"},
     Level::user,
     "show servers state [<backend>]",
     "what servers are doing, as a state file",
     show_servers},
    {{"show", "startup-logs"},
     Level::operate,
     "show startup-logs",
     "what was said when this process started",
     show_startup_logs},
};

}  // namespace

const Commands kShowCommands = kRows;

}  // namespace weir::control
