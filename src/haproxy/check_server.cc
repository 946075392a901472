// Checks of server lines: `check`, `inter`, `rise`, `track` … (configuration.txt 5.2), and what becomes of them.
#include <fmt/format.h>

#include "expr/variables.h"
#include "haproxy/address.h"
#include "haproxy/bind.h"
#include "haproxy/checks.h"
#include "haproxy/exchange.h"
#include "haproxy/personality.h"
#include "haproxy/tables.h"
#include "haproxy/tls.h"
#include "health/run.h"

namespace weir::haproxy {
namespace {

using health::Check;
using health::Observe;

template <class T>
bool choose(Scope& scope, const Word& word, Str name, std::initializer_list<std::pair<Str, T>> known, T& out) {
  std::string names;
  for (auto& [text, value] : known) {
    if (word == text) {
      out = value;
      return true;
    }
    names += fmt::format("{}{}", names.empty() ? "" : ", ", text);
  }
  scope.error(word.where, fmt::format("'{}' is nothing that {} knows", word.text, name), names,
              fmt::format("'{}' expects one of {} but got '{}'", name, names, word.text));
  return false;
}

void take_observe(Scope& scope, const Word& word, CheckOptions& o) {
  if (word == "layer7" && scope.proxy && !scope.proxy->http()) {
    scope.warning(word.where, "there are no HTTP answers to observe: the mode is tcp",
                  "write: observe layer4, or put 'mode http' in front of this line",
                  "'layer7' can only be used in http proxies.");
    return;
  }
  choose<Observe>(scope, word, "observe",
                  {{"none", Observe::nothing}, {"layer4", Observe::layer4}, {"layer7", Observe::layer7}}, o.observe);
}

bool take_times(Scope& scope, CheckOptions& o, Str name, Words args) {
  uint32_t* time = name == "inter"         ? &o.inter
                   : name == "fastinter"   ? &o.fast_inter
                   : name == "downinter"   ? &o.down_inter
                   : name == "agent-inter" ? &o.agent_inter
                                           : nullptr;
  if (time) {
    if (!read_time_ms(scope, args[0], name, *time) || *time) return true;
    scope.error(args[0].where, fmt::format("'{}' has to be at least 1 ms", name));
    return true;
  }
  uint32_t* count = name == "rise"          ? &o.rise
                    : name == "fall"        ? &o.fall
                    : name == "error-limit" ? &o.error_limit
                                            : nullptr;
  if (!count) return false;
  uint64_t n = 0;
  if (read_number(scope, args[0], name, 1, INT32_MAX / 2, n)) *count = static_cast<uint32_t>(n);
  return true;
}

bool take_place(Scope& scope, CheckOptions& o, Str name, Words args) {
  if (name == "addr") {
    o.addr = args[0];
  } else if (name == "agent-addr") {
    o.agent_addr = args[0];
  } else if (name == "port" || name == "agent-port") {
    uint64_t n = 0;
    if (read_number(scope, args[0], name, 1, 65535, n))
      (name == "port" ? o.port : o.agent_port) = static_cast<uint16_t>(n);
  } else {
    return false;
  }
  return true;
}

bool take_flag(CheckOptions& o, Str name) {
  constexpr std::pair<Str, bool CheckOptions::*> kFlags[] = {{"check", &CheckOptions::on},
                                                             {"agent-check", &CheckOptions::agent_on},
                                                             {"check-send-proxy", &CheckOptions::send_proxy},
                                                             {"check-sni-auto", &CheckOptions::auto_sni}};
  bool off = name.starts_with("no-");
  Str word = off ? name.substr(3) : name;
  for (auto [text, member] : kFlags) {
    if (text != word) continue;
    o.*member = !off;
    return true;
  }
  if (word != "check-ssl") return false;
  o.tls = !off;
  o.no_tls = off;
  return true;
}

// --- making them ---

net::Addr address_of(Scope& scope, const Word& word) {
  net::Addr out;
  if (word.text.empty()) return out;
  Address address;
  std::string problem;
  std::vector<net::Addr> addrs;
  if (!parse_address(word.text, address, problem, scope.arena)) {
    report_address(scope, word, problem, {}, {});
    return out;
  }
  if (address.port < 0) address.port = address.last_port = 0;
  if (!socket_addresses(address, scope.arena, addrs, problem) || addrs.empty()) {
    scope.missing(word.where, fmt::format("the host '{}' is not known", address.host));
    return out;
  }
  return addrs[0];
}

// Exchanges that expressions of checks look at belong to no listener of the configuration.
const model::Listener& check_listener(bool tcp) {
  static const model::Listener kListeners[2] = {[] {
                                                  model::Listener l;
                                                  l.name = "CHECKS-FE";
                                                  l.personality = &personality();
                                                  return l;
                                                }(),
                                                [] {
                                                  model::Listener l;
                                                  l.name = "CHECKS-FE";
                                                  l.personality = &personality();
                                                  l.tcp = true;
                                                  return l;
                                                }()};
  return kListeners[tcp];
}

health::Begin begin_of(const CheckOptions& o) {
  if (o.begin == "fully-up") return health::Begin::fully_up;
  if (o.begin == "down") return health::Begin::down;
  if (o.begin == "fully-down") return health::Begin::fully_down;
  return health::Begin::up;
}

void prepare_exchange(health::Run& run, proxy::Transaction& txn) {
  Exchange& x = exchange(txn);
  x.check = &run;
  x.front = x.back = static_cast<const Proxy*>(run.check().conf);
}

Check* new_check(Scope& scope, const Proxy& p, const CheckOptions& o, CheckType type) {
  auto* c = scope.arena.make<Check>();
  c->begin = begin_of(o);
  c->inter = o.inter;
  c->fast_inter = o.fast_inter;
  c->down_inter = o.down_inter;
  c->rise = static_cast<int32_t>(o.rise);
  c->fall = static_cast<int32_t>(o.fall);
  c->spread = scope.global.spread_checks;
  c->most_spread = scope.global.max_spread_checks;
  c->timeout = p.s.timeouts.check == kForever ? 0 : p.s.timeouts.check;
  c->connect_timeout = p.s.timeouts.connect == kForever ? 0 : p.s.timeouts.connect;
  c->listener = &check_listener(type != CheckType::http);
  c->prepare = prepare_exchange;
  c->conf = &p;
  return c;
}

const HealthcheckSection* section_of(Scope& scope, const Word& word) {
  for (const HealthcheckSection* s : scope.global.healthchecks)
    if (word == s->name) return s;
  scope.error(word.where, fmt::format("there is no healthcheck section '{}'", word.text), {},
              fmt::format("healthcheck section '{}' not found.", word.text));
  return nullptr;
}

bool connects_with_tls(const health::Program& program) {
  for (const health::Step& s : program.steps)
    if (s.connect && s.connect->tls) return true;
  return false;
}

// As for traffic, unless the check goes elsewhere (init_srv_check).
void set_transport(Scope& scope, const model::Server& s, const ServerOptions& options, Check& c) {
  const CheckOptions& o = options.check;
  bool elsewhere = o.port || c.addr.family != AF_UNSPEC || options.added;
  c.speaks_tls = o.tls || (!elsewhere && options.tls.on && !o.no_tls);
  if (!elsewhere || o.send_proxy) c.send_proxy = s.send_proxy;
  if (o.send_proxy && !c.send_proxy) c.send_proxy = 1;
  if (c.speaks_tls || connects_with_tls(*c.program)) {
    c.tls = s.tls;
    if (!c.tls)
      c.tls = make_server_tls(scope, options, fmt::format("{}/{}", scope.proxy->name, s.name), scope.proxy->where);
  }
  c.relayed = o.via_socks4;
  c.sni = o.sni;
  c.names_host = o.auto_sni;
  c.alpn = o.alpn;
}

Check* make_check(Scope& scope, Proxy& p, const model::Server& s, const ServerOptions& options) {
  const CheckOptions& o = options.check;
  CheckType type = p.s.checks.type;
  const health::Program* program = p.check_program;
  if (!o.section.text.empty()) {
    const HealthcheckSection* section = section_of(scope, o.section);
    if (!section || !section->program) return nullptr;
    program = section->program;
    type = section->rules.type;
  } else if (!program) {
    program = p.check_program = make_program(scope, p.s.checks);
  }
  Check* c = new_check(scope, p, o, type);
  c->program = program;
  c->addr = address_of(scope, o.addr);
  c->port = o.port;
  set_transport(scope, s, options, *c);
  if (type == CheckType::outside) c->timeout = 0;
  return c;
}

Check* make_agent(Scope& scope, const Proxy& p, const CheckOptions& o) {
  Check* agent = new_check(scope, p, o, CheckType::protocol);
  agent->agent = true;
  agent->begin = health::Begin::up;
  if (o.agent_inter) agent->inter = o.agent_inter;
  agent->rise = agent->fall = 1;
  agent->program = agent_program(scope, o, p.where);
  agent->addr = address_of(scope, o.agent_addr.text.empty() ? o.addr : o.agent_addr);
  agent->port = o.port_of_agent();
  return agent;
}

// Whoever changes these gets counts that begin anew.
uint32_t key_of(const health::ServerChecks& checks) {
  return 1u | (checks.check ? 2u : 0) | (checks.agent ? 4u : 0) | (checks.tracks ? 8u : 0) |
         (checks.check ? static_cast<uint32_t>(checks.check->begin) << 8 : 0);
}

}  // namespace

Str check_alpn(Scope& scope, const Word& word) {
  std::string wire;
  for (Str rest = word.text; !rest.empty();) {
    Str one = cut(rest, ',');
    if (one.empty() || one.size() > 255) continue;
    wire += static_cast<char>(one.size());
    wire += one;
  }
  return scope.keep(wire);
}

bool take_check_option(Scope& scope, CheckOptions& o, Str name, Words args) {
  using health::Observe;
  using health::OnError;
  if (take_times(scope, o, name, args) || take_place(scope, o, name, args) || take_flag(o, name)) return true;
  if (name == "check-sni")
    o.sni = args[0].text;
  else if (name == "check-alpn")
    o.alpn = check_alpn(scope, args[0]);
  else if (name == "agent-send")
    o.agent_send = args[0].text;
  else if (name == "healthcheck")
    o.section = args[0];
  else if (name == "track")
    o.track = args[0];
  else if (name == "init-state")
    choose<Str>(
        scope, args[0], name,
        {{"none", "none"}, {"fully-up", "fully-up"}, {"up", "up"}, {"down", "down"}, {"fully-down", "fully-down"}},
        o.begin);
  else if (name == "observe")
    take_observe(scope, args[0], o);
  else if (name == "on-error")
    choose<OnError>(scope, args[0], name,
                    {{"fastinter", OnError::fast_inter},
                     {"fail-check", OnError::fail_check},
                     {"sudden-death", OnError::sudden_death},
                     {"mark-down", OnError::mark_down}},
                    o.on_error);
  else
    return false;
  return true;
}

void make_server_checks(Scope& scope, Proxy& p, model::Server& s) {
  auto& options = *static_cast<const ServerOptions*>(s.conf);
  const CheckOptions& o = options.check;
  bool tracks = !o.track.text.empty();
  if ((!o.on && !o.agent_on && !tracks) || scope.diag.failed()) return;
  if (tracks && (o.on || o.agent_on)) {
    scope.error(o.track.where, fmt::format("'{}' is checked and cannot track another server", s.name), {},
                fmt::format("unable to use {}/{} for tracking: it has checks of its own.", p.name, s.name));
    return;
  }
  if (tracks && !o.begin.empty() && o.begin != "none") {
    scope.error(o.track.where, "'init-state' cannot be used with 'track'");
    return;
  }
  auto* all = scope.arena.own<health::ServerChecks>();
  all->reporter = &check_reporter();
  if (o.on) all->check = make_check(scope, p, s, options);
  if (o.agent_on) all->agent = make_agent(scope, p, o);
  all->observe = o.observe;
  all->on_error = o.on_error;
  all->error_limit = o.error_limit;
  s.checks = all;
  s.checks_key = key_of(*all);
  s.begins_down = all->check && !all->check->begins_up();
}

void make_checks(Scope& scope, Proxy& p) {
  if (p.s.disabled) return;
  scope.proxy = &p;
  settle_external_check(scope, p);
  for (model::Server* s : p.servers) make_server_checks(scope, p, *s);
  scope.proxy = nullptr;
}

namespace {
model::Server* find_tracked(Scope& scope, const Proxy& p, const Word& track) {
  Str name = track.text, backend;
  if (size_t slash = name.find('/'); slash != Str::npos) {
    backend = name.substr(0, slash);
    name = name.substr(slash + 1);
  }
  const Proxy* of = backend.empty() ? &p : scope.global.find_proxy(backend, false);
  model::Server* target = nullptr;
  if (of)
    for (model::Server* other : of->servers)
      if (other->name == name && !other->absent()) target = other;
  if (!target) {
    scope.error(track.where, fmt::format("there is no server '{}' to track", track.text), {},
                fmt::format("unable to find required server '{}' for tracking.", name));
  } else if (!target->checks) {
    scope.error(track.where, fmt::format("'{}' has no checks that could be tracked", track.text), {},
                fmt::format("unable to use {}/{} for tracking as it does not have any check nor agent enabled.",
                            of->name, target->name));
    return nullptr;
  }
  return target;
}
}  // namespace

void resolve_track(Scope& scope, const Proxy& p, model::Server& s) {
  auto& o = static_cast<const ServerOptions*>(s.conf)->check;
  if (o.track.text.empty() || !s.checks) return;
  model::Server* target = find_tracked(scope, p, o.track);
  if (!target) return;
  auto* mine = const_cast<health::ServerChecks*>(s.checks);
  mine->tracks = target;
  const model::Server* loop = target;
  while (loop && loop != &s) loop = loop->checks ? loop->checks->tracks : nullptr;
  if (loop) {
    mine->tracks = nullptr;
    scope.error(o.track.where, fmt::format("'{}' would track itself", s.name), {},
                fmt::format("unable to track {}/{} as it belongs to a tracking chain looping back.", target->pool->name,
                            target->name));
    return;
  }
  auto& theirs = *static_cast<const Proxy*>(target->pool->conf);
  if (&theirs != &p && theirs.s.checks.disable_on_404 != p.s.checks.disable_on_404) {
    mine->tracks = nullptr;
    scope.error(o.track.where,
                fmt::format("'http-check disable-on-404' holds in one of '{}' and '{}' only", p.name, theirs.name),
                "write it in both or in neither",
                fmt::format("unable to use {}/{} for tracking: disable-on-404 option inconsistency.", theirs.name,
                            target->name));
    return;
  }
  const_cast<health::ServerChecks*>(target->checks)->trackers.push_back(&s);
  s.checks_key = key_of(*mine);
}

void resolve_tracks(Scope& scope, Proxy& p) {
  for (model::Server* s : p.servers) resolve_track(scope, p, *s);
}

namespace {

void on_line(void*, const Directive&, const Row&) {}

constexpr Row option(Str name, int8_t args, Str syntax, Str help, Str no_effect = {}) {
  return {name,   kServerOption, args,     args, Block::none, Inherit::none, no_effect.empty() ? on_line : nullptr,
          syntax, help,          no_effect};
}

constexpr Row kRows[] = {
    option("check", 0, "", "check the server's health"),
    option("no-check", 0, "", "no health checks, after a default"),
    option("healthcheck", 1, "<name>", "healthcheck section to follow"),
    option("addr", 1, "<ipv4|ipv6>", "address to check instead of the server's"),
    option("port", 1, "<port>", "port to check instead of the server's"),
    option("inter", 1, "<delay>", "time between checks"),
    option("fastinter", 1, "<delay>", "time between checks while the state changes"),
    option("downinter", 1, "<delay>", "time between checks while the server is down"),
    option("rise", 1, "<count>", "good checks until the server is up"),
    option("fall", 1, "<count>", "bad checks until the server is down"),
    option("check-alpn", 1, "<protocols>", "protocols offered by ALPN in checks"),
    option("check-send-proxy", 0, "", "send a PROXY protocol header in checks"),
    option("no-check-send-proxy", 0, "", "no PROXY protocol header in checks, after a default"),
    option("check-sni", 1, "<sni>", "server name in TLS checks"),
    option("check-sni-auto", 0, "", "server name in TLS checks taken from their Host header"),
    option("no-check-sni-auto", 0, "", "no automatic server name in checks"),
    option("check-ssl", 0, "", "TLS in checks even where traffic has none"),
    option("no-check-ssl", 0, "", "no TLS in checks, after a default"),
    option("init-state", 1, "{ fully-up | up | down | fully-down | none }", "state in which the server starts"),
    option("track", 1, "[<backend>/]<server>", "take over the health of another server"),
    option("agent-check", 0, "", "ask an agent on the server about its state"),
    option("no-agent-check", 0, "", "no agent checks, after a default"),
    option("agent-addr", 1, "<addr>", "address of the agent"),
    option("agent-inter", 1, "<delay>", "time between agent checks"),
    option("agent-port", 1, "<port>", "port of the agent"),
    option("agent-send", 1, "<string>", "text sent to the agent"),
    option("observe", 1, "<mode>", "learn health from live traffic"),
    option("error-limit", 1, "<count>", "errors in live traffic until on-error acts"),
    option("on-error", 1, "<mode>", "what to do when live traffic shows errors"),
    option("no-check-reuse-pool", 0, "", "checks open their own connections, after a default",
           "checks always open their own connections"),
};

void bind_spread(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  uint64_t n = 0;
  if (read_number(scope, args_of(d, row)[0], row.name, 0, 50, n)) scope.global.spread_checks = static_cast<uint32_t>(n);
}
void bind_most_spread(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  read_time_ms(scope, args_of(d, row)[0], row.name, scope.global.max_spread_checks);
}

constexpr Row kSpreadRows[] = {
    {"spread-checks", kGlobal, 1, 1, Block::none, Inherit::none, bind_spread, "<0..50, in percent>",
     "vary the intervals of health checks by up to this percentage"},
    {"max-spread-checks", kGlobal, 1, 1, Block::none, Inherit::none, bind_most_spread, "<delay in milliseconds>",
     "longest time over which the first health checks are spread"},
};

}  // namespace

const config::Table kCheckOptionTable = kRows;
const config::Table kCheckSpreadTable = kSpreadRows;

}  // namespace weir::haproxy
