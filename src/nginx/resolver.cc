// See nginx/resolver.h.
#include "nginx/resolver.h"

#include <fmt/format.h>
#include <netdb.h>

#include "nginx/literal_pools.h"
#include "proxy/names.h"

namespace weir::nginx {
namespace {

constexpr uint16_t kDnsPort = 53;

Scope& scope_of(void* s) {
  return *static_cast<Scope*>(s);
}

// A name server, perhaps by its name.
bool add_server(Scope& scope, const config::Word& word, std::vector<net::Addr>& out) {
  Str host = word.text;
  uint16_t port = kDnsPort;
  net::Addr addr;
  if (!split_port(host, port)) {
    auto& e =
        scope.error(word.where, fmt::format("invalid port in resolver \"{}\"", word.text), "a port is 1 to 65535");
    e.product = e.text;
    return false;
  }
  if (net::parse_ip(host, addr)) {
    addr.port = port;
    out.push_back(addr);
    return true;
  }
  if (scope.options.offline) {
    scope.diag.note(word.where, fmt::format("host \"{}\" is not looked up offline", host));
    return false;
  }
  addrinfo hints{}, *list = nullptr;
  hints.ai_socktype = SOCK_DGRAM;
  if (getaddrinfo(std::string(host).c_str(), nullptr, &hints, &list) != 0 || !list) {
    auto& e = scope.error(word.where, fmt::format("host not found in resolver \"{}\"", word.text),
                          "check the name or use an address");
    e.product = e.text;
    return false;
  }
  for (addrinfo* i = list; i; i = i->ai_next) {
    addr = net::Addr::from(i->ai_addr, i->ai_addrlen);
    addr.port = port;
    out.push_back(addr);
  }
  freeaddrinfo(list);
  return true;
}

// False: it is no parameter, or a wrong one (`bad`).
bool take_parameter(Scope& scope, const config::Word& word, proxy::NameRules& rules, bool& bad) {
  Str w = word.text;
  const bool v4 = w.starts_with("ipv4=");
  if (v4 || w.starts_with("ipv6=")) {
    Str value = w.substr(5);
    bad = value != "on" && value != "off";
    (v4 ? rules.v4 : rules.v6) = value == "on";
    return true;
  }
  if (w.starts_with("valid=")) {
    int64_t s = 0;
    bad = !parse_sec(w.substr(6), s) || s <= 0;
    rules.valid_ms = static_cast<uint32_t>(std::min<int64_t>(s * 1000, INT32_MAX));
    return true;
  }
  if (!w.starts_with("status_zone=")) return false;
  scope.diag.note(word.where, "status_zone has no effect in weir: name servers are not counted in zones");
  return true;
}

void bind_resolver(void* s, const Directive& d, const Row&) {
  if (proxy::Names* names = make_names(scope_of(s), d)) static_cast<ResolverConf*>(scope_of(s).conf)->names = names;
}

const Row kTable[] = {
    {"resolver",
     kHttpServerLocation,
     1,
     -1,
     Block::none,
     Inherit::scalar,
     bind_resolver,
     "address ... [valid=time] [ipv4=on|off] [ipv6=on|off] [status_zone=zone]",
     "name servers that tell the addresses of hosts in proxy_pass with variables",
     {},
     WEIR_FIELD(ResolverConf, names)},
    {"resolver_timeout",
     kHttpServerLocation,
     1,
     1,
     Block::none,
     Inherit::scalar,
     set_ms,
     "time",
     "how long a request waits for the addresses of a host",
     {},
     WEIR_FIELD(ResolverConf, timeout),
     "30s"},
};

}  // namespace

proxy::Names* make_names(Scope& scope, const Directive& d) {
  proxy::NameRules rules;
  bool good = true;
  for (size_t i = 0; i < d.args(); i++) {
    bool bad = false;
    if (!take_parameter(scope, d.arg(i), rules, bad)) {
      good &= add_server(scope, d.arg(i), rules.servers);
    } else if (bad) {
      auto& e = scope.error(d.arg(i).where, fmt::format("invalid parameter: {}", d.arg(i).text),
                            "valid=30s, ipv4=off or ipv6=off");
      e.product = e.text;
      good = false;
    }
  }
  if (!good) return nullptr;
  Str problem = rules.servers.empty()    ? "no name servers defined"
                : !rules.v4 && !rules.v6 ? "\"ipv4\" and \"ipv6\" cannot both be \"off\""
                                         : "";
  if (!problem.empty()) {
    auto& e = scope.error(d.where, std::string(problem), "resolver 127.0.0.53;");
    e.product = e.text;
    return nullptr;
  }
  return scope.arena.own<proxy::Names>(std::move(rules));
}
const Module kResolverModule{"resolver", sizeof(ResolverConf), module_create<ResolverConf>, kTable};

}  // namespace weir::nginx
