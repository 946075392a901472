// See haproxy/resolvers.h.
#include "haproxy/resolvers.h"

#include <fmt/format.h>

#include <fstream>

#include "config/place.h"
#include "haproxy/address.h"
#include "haproxy/bind.h"
#include "haproxy/tables.h"
#include "stats/catalogue.h"

namespace weir::haproxy {
namespace {

constexpr uint16_t kDnsPort = 53;
constexpr Str kDefault = "default";  // a section that is there when nobody writes it

Resolvers& section_of(Scope& scope) {
  return *scope.global.resolvers.back();
}

void add_server(Resolvers& r, Str name, net::Addr addr) {
  r.server_names.push_back(name);
  r.rules.servers.push_back(addr);
}

// What is not understood there is left out, as by everybody who reads that file.
bool read_resolv_conf(Scope& scope, Resolvers& r) {
  std::ifstream file("/etc/resolv.conf");
  std::string line;
  while (std::getline(file, line)) {
    Str rest = line;
    if (!rest.starts_with("nameserver")) continue;
    rest.remove_prefix(10);
    while (!rest.empty() && (rest.front() == ' ' || rest.front() == '\t')) rest.remove_prefix(1);
    rest = rest.substr(0, rest.find_first_of(" \t#;"));
    net::Addr addr;
    if (!net::parse_ip(rest, addr)) continue;
    addr.port = kDnsPort;
    add_server(r, scope.keep(rest), addr);
  }
  return !r.rules.servers.empty();
}

void bind_section(void* s, const Directive& d, const Row&) {
  Scope& scope = scope_of(s);
  auto* r = scope.arena.own<Resolvers>();
  r->name = d.words[1].text;
  r->where = d.where;
  r->rules.all_at_once = true;
  r->rules.options.timeout_ms = 1000;
  r->rules.options.payload = 512;
  for (const Resolvers* other : scope.global.resolvers)
    if (other->name == r->name)
      scope.error(d.words[1].where, fmt::format("another resolvers section is called '{}'", r->name), {},
                  fmt::format("resolvers '{}' has same name as another resolvers (declared at {}:{}).", r->name,
                              other->where.source ? other->where.source->path : "", other->where.line));
  scope.global.resolvers.push_back(r);
  bind_lines(scope, d, kResolvers);
  r->names = scope.arena.own<proxy::Names>(r->rules);
}

void bind_nameserver(void* s, const Directive& d, const Row&) {
  Scope& scope = scope_of(s);
  Resolvers& r = section_of(scope);
  if (std::ranges::find(r.server_names, d.words[1].text) != r.server_names.end())
    scope.error(d.words[1].where, fmt::format("this section has a nameserver '{}' already", d.words[1].text),
                "a name of its own",
                fmt::format("nameserver '{}' has same name as another nameserver.", d.words[1].text));
  Address address;
  std::string problem;
  const Word& word = d.words[2];
  if (!parse_address(word.text, address, problem, scope.arena))
    return report_address(scope, word, problem, {}, fmt::format("'nameserver {}' : {}", d.words[1].text, problem));
  const bool tcp = word.text.starts_with("tcp");
  if (!address.is_inet() || (tcp && !r.rules.servers.empty() && !r.rules.options.tcp) || (!tcp && r.rules.options.tcp))
    return scope.planned(word.where, "name servers on Unix sockets, or on UDP and TCP in one section");
  r.rules.options.tcp = tcp;
  if (address.port <= 0) {
    problem = fmt::format("missing port specification in '{}'", word.text);
    return report_address(scope, word, problem, fmt::format("write: {}:{}", word.text, kDnsPort),
                          fmt::format("'nameserver {}' : {}", d.words[1].text, problem));
  }
  std::vector<net::Addr> addrs;
  if (!socket_addresses(address, scope.arena, addrs, problem))
    return scope.missing(word.where, fmt::format("the name server '{}' is not known", word.text),
                         fmt::format("'nameserver {}' : {}", d.words[1].text, problem));
  if (d.words.size() > 3)
    scope.diag.note(d.words[3].where, fmt::format("'{}' has no effect on name servers in weir", d.words[3].text));
  add_server(r, d.words[1].text, addrs[0]);
}

void bind_resolv_conf(void* s, const Directive& d, const Row&) {
  Scope& scope = scope_of(s);
  if (!read_resolv_conf(scope, section_of(scope)) && !scope.options.offline)
    scope.warning(d.where, "/etc/resolv.conf names no server");
}

void bind_hold(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Resolvers& r = section_of(scope);
  const Word& kind = d.words[1];
  const std::pair<Str, uint32_t*> kinds[] = {{"nx", &r.holds.no_such_name},   {"refused", &r.holds.refused},
                                             {"timeout", &r.holds.timeout},   {"other", &r.holds.other},
                                             {"obsolete", &r.holds.obsolete}, {"valid", &r.valid_ms}};
  for (auto& [name, ms] : kinds)
    if (kind == name) {
      read_time_ms(scope, d.words[2], row.name, *ms);
      return;
    }
  scope.error(kind.where, fmt::format("'{}' is no kind of answer", kind.text),
              "nx, other, refused, timeout, valid or obsolete",
              fmt::format("'hold' unknown event: '{}', expects either 'nx', 'timeout', 'valid', 'obsolete' or 'other'.",
                          kind.text));
}

void bind_retries(void* s, const Directive& d, const Row& row) {
  uint64_t n = 0;
  if (read_number(scope_of(s), d.words[1], row.name, 1, 1000, n))
    section_of(scope_of(s)).rules.tries = static_cast<int>(n);
}

void bind_resolve(void* s, const Directive& d, const Row& row) {
  read_time_ms(scope_of(s), d.words[2], row.name, section_of(scope_of(s)).resolve_ms);
}

void bind_retry(void* s, const Directive& d, const Row& row) {
  read_time_ms(scope_of(s), d.words[2], row.name, section_of(scope_of(s)).rules.options.timeout_ms);
}

void bind_payload(void* s, const Directive& d, const Row& row) {
  uint64_t n = 0;
  if (read_number(scope_of(s), d.words[1], row.name, 512, 65535, n))
    section_of(scope_of(s)).rules.options.payload = static_cast<uint32_t>(n);
}

// --- servers ---

void take_nets(Scope& scope, ResolveOptions& o, const Word& word) {
  o.nets = {};
  for (Str rest = word.text; !rest.empty();) {
    Str text = cut(rest, ',');
    net::Cidr cidr;
    if (net::parse_cidr(text, cidr) == net::CidrResult::bad)
      scope.error(word.where, fmt::format("'{}' is no network", text), "write: 10.0.0.0/8",
                  fmt::format("'resolve-net' : invalid address '{}'.", text));
    else
      o.nets.push(scope.arena, cidr);
  }
}

void take_opts(Scope& scope, ResolveOptions& o, const Word& word) {
  for (Str rest = word.text; !rest.empty();) {
    Str name = cut(rest, ',');
    if (name == "allow-dup-ip")
      o.duplicates = true;
    else if (name == "prevent-dup-ip")
      o.duplicates = false;
    else if (name == "ignore-weight")
      scope.diag.note(word.where, "'ignore-weight' has no effect in weir: names give addresses, and no weights");
    else
      scope.error(word.where, fmt::format("'{}' is no option of name resolution", name),
                  "allow-dup-ip, prevent-dup-ip or ignore-weight",
                  fmt::format("'resolve-opts' : unknown resolve-opts option '{}', expected options are "
                              "'allow-dup-ip', 'ignore-weight', and 'prevent-dup-ip'.",
                              name));
  }
}

Resolvers* find_resolvers(Scope& scope, Str name) {
  for (Resolvers* r : scope.global.resolvers)
    if (r->name == name) return r;
  if (name != kDefault) return nullptr;
  auto* r = scope.arena.own<Resolvers>();
  r->name = kDefault;
  r->rules.all_at_once = true;
  r->rules.options.timeout_ms = 1000;
  r->rules.options.payload = 512;
  if (!read_resolv_conf(scope, *r)) return nullptr;
  r->names = scope.arena.own<proxy::Names>(r->rules);
  scope.global.resolvers.push_back(r);
  return r;
}

void report_section(Scope& scope, const Proxy& p, const model::Server& server, const Word& word) {
  std::vector<Str> names;
  for (const Resolvers* r : scope.global.resolvers) names.push_back(r->name);
  Str near = config::nearest(word.text, names);
  scope.error(word.where, fmt::format("there is no resolvers section '{}'", word.text),
              near.empty() ? std::string() : fmt::format("did you mean '{}'?", near),
              fmt::format("{} '{}', server '{}': unable to find required resolvers '{}'", kind_name(p.kind), p.name,
                          server.name, word.text));
}

bool alike(const ResolveOptions& a, const ResolveOptions& b) {
  return a.section.text == b.section.text && a.prefer == b.prefer && a.duplicates == b.duplicates &&
         a.nets.data == b.nets.data;
}

constexpr Row option(Str name, Str syntax, Str help) {
  return {name,   kServerOption, 1, 1, Block::none, Inherit::none, [](void*, const Directive&, const Row&) {},
          syntax, help};
}

constexpr Row row(Str name, int8_t min, int8_t max, config::BindFn bind, Str syntax, Str help) {
  return {name, kResolvers, min, max, Block::none, Inherit::none, bind, syntax, help};
}

constexpr Row kRows[] = {
    {"resolvers", kTop, 1, 1, Block::required, Inherit::none, bind_section, "<resolvers id>",
     "DNS servers for names that are resolved at run time"},
    row("nameserver", 2, -1, bind_nameserver, "<name> <address>[:port] [param*]",
        "a name server; all are asked at once"),
    row("parse-resolv-conf", 0, 0, bind_resolv_conf, "", "take the name servers of /etc/resolv.conf as well"),
    row("hold", 2, 2, bind_hold, "<status> <period>",
        "how long the last answer counts while this kind of answer comes"),
    row("resolve_retries", 1, 1, bind_retries, "<nb>", "queries sent before a name is given up for now"),
    row("timeout resolve", 1, 1, bind_resolve, "<time>", "time between two resolutions of a name, at least"),
    row("timeout retry", 1, 1, bind_retry, "<time>", "time that name servers have for an answer"),
    row("accepted_payload_size", 1, 1, bind_payload, "<nb>", "largest DNS answer that is announced, 512 to 65535"),
};
constexpr Row kOptionRows[] = {
    option("resolvers", "<id>", "resolvers section that keeps the address up to date"),
    option("resolve-prefer", "<family>", "address family that is taken first: ipv4 or ipv6"),
    option("resolve-net", "<network>[,<network[,...]]", "networks whose addresses are taken first"),
    option("resolve-opts", "<option>,<option>,...", "whether servers of one name may have the same address"),
};

}  // namespace

bool take_name_option(Scope& scope, ResolveOptions& o, Str name, Words args) {
  if (name == "resolvers") {
    o.section = args[0];
  } else if (name == "resolve-prefer") {
    if (args[0] == "ipv4" || args[0] == "ipv6")
      o.prefer = args[0] == "ipv4" ? AF_INET : AF_INET6;
    else
      scope.error(args[0].where, fmt::format("'{}' is no family of addresses", args[0].text), "ipv4 or ipv6",
                  "'resolve-prefer' expects either ipv4 or ipv6 as argument.");
  } else if (name == "resolve-net") {
    take_nets(scope, o, args[0]);
  } else if (name == "resolve-opts") {
    take_opts(scope, o, args[0]);
  } else {
    return false;
  }
  return true;
}

void follow_names(Scope& scope, Proxy& p) {
  std::vector<std::pair<const ServerOptions*, proxy::ServerName*>> known;
  for (model::Server* s : p.servers) {
    auto& options = *static_cast<const ServerOptions*>(s->conf);
    const ResolveOptions& o = options.resolve;
    if (o.section.text.empty()) continue;
    const Resolvers* r = find_resolvers(scope, o.section.text);
    if (!r) {
      report_section(scope, p, *s, o.section);
      continue;
    }
    net::Addr literal;
    const bool named = !net::parse_ip(s->host, literal) && !s->host.empty();
    if (r->rules.servers.empty()) continue;
    auto same = [&](const auto& k) {
      return named && k.second->host == s->host && k.second->port == s->addr.port && alike(k.first->resolve, o);
    };
    if (auto it = std::find_if(known.begin(), known.end(), same); it != known.end()) {
      s->follows = it->second;
      continue;
    }
    auto* name = scope.arena.own<proxy::ServerName>();
    name->names = r->names;
    if (named) name->host = s->host;
    name->services = s->host.starts_with('_');
    name->port = s->addr.port;
    name->prefer = o.prefer ? o.prefer : AF_INET6;
    for (const net::Cidr& c : o.nets) name->nets.push_back(c);
    name->duplicates = o.duplicates;
    name->every_ms = std::max(r->resolve_ms, r->valid_ms);
    name->holds = r->holds;
    name->moving = tell_resolution;
    known.emplace_back(&options, name);
    s->follows = name;
  }
}

void find_wanted_resolvers(Scope& scope) {
  for (auto& [word, wanted] : scope.global.wanted_resolvers) {
    const Resolvers* r = find_resolvers(scope, word.text);
    if (!r)
      scope.error(word.where, fmt::format("there is no resolvers section '{}'", word.text), {},
                  fmt::format("Can't find resolvers section '{}'.", word.text));
    else if (!r->rules.servers.empty())
      *wanted = r;
  }
}

void list_resolvers(const Global& global, stats::Catalogue& catalogue) {
  for (const Resolvers* r : global.resolvers)
    for (size_t i = 0; i < r->server_names.size(); i++)
      catalogue.name_servers.push_back({r->name, r->server_names[i], &r->names->counts(i)});
}

const config::Table kResolversTable = kRows;
const config::Table kServerNameTable = kOptionRows;

}  // namespace weir::haproxy
