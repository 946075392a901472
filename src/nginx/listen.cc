// `listen` and `server_name`; see nginx/listen.h.
#include "nginx/listen.h"

#include <fmt/format.h>
#include <netdb.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <unordered_map>

#include "expr/regex.h"
#include "nginx/core.h"
#include "nginx/listen_socket.h"
#include "nginx/locate.h"
#include "nginx/personality.h"
#include "nginx/ssl.h"

namespace weir::nginx {
namespace {

struct Listen {
  net::Addr addr;
  std::string text;
  ServerBlock* server = nullptr;
  bool is_default = false;
  bool ssl = false;
  bool proxy_protocol = false;
  bool reuseport = false;
  bool deferred = false;
  bool v6only = true;
  bool options = false;  // says something of the socket, which only one line may for an address
  int backlog = 511;
  net::SocketOptions socket;
  config::Where where;
};

struct ListenMain {
  std::vector<Listen> all;
  std::unordered_map<const ServerBlock*, std::vector<const expr::Regex*>> regexes;
  // Of `all`, once they are complete: each address in the order of appearance, with its lines.
  std::vector<std::vector<const Listen*>> addresses;
};

Scope& scope_of(void* s) {
  return *static_cast<Scope*>(s);
}

ListenMain& main_of(Scope& scope) {
  return scope.main<ListenMain>(kListenModule);
}

struct Ports {
  uint16_t first = 80, last = 80;
};

bool parse_port(Str text, uint16_t& port) {
  auto n = parse_u64(text);
  if (!n || *n == 0 || *n > 65535) return false;
  port = static_cast<uint16_t>(*n);
  return true;
}

// One, or the first and the last of several: "8001-8004". `whole`: the argument.
bool parse_ports(Scope& scope, Str whole, Str text, const config::Where& where, Ports& out) {
  const size_t dash = text.find('-');
  const bool good =
      parse_port(text.substr(0, dash), out.first) && (dash == Str::npos || parse_port(text.substr(dash + 1), out.last));
  if (!good) {
    scope.error(where, fmt::format("invalid port in \"{}\" of the \"listen\" directive", whole),
                "a port is 1 to 65535");
    return false;
  }
  if (dash == Str::npos) out.last = out.first;
  if (out.last >= out.first) return true;
  scope.error(where, fmt::format("invalid port range in \"{}\" of the \"listen\" directive", whole),
              "the smaller port comes first");
  return false;
}

void push_ports(std::vector<net::Addr>& out, net::Addr addr, const Ports& ports) {
  for (uint32_t port = ports.first; port <= ports.last; port++) {
    addr.port = static_cast<uint16_t>(port);
    out.push_back(addr);
  }
}

// All addresses that "host:port" means.
bool resolve(Scope& scope, Str text, const config::Where& where, std::vector<net::Addr>& out) {
  net::Addr a;
  if (text.starts_with("unix:")) {
    Str path = scope.arena.dup(text.substr(5));
    if (path.empty()) {
      scope.error(where, fmt::format("no path in the unix domain socket in \"{}\" of the \"listen\" directive", text));
      return false;
    }
    if (path.size() >= sizeof sockaddr_un::sun_path) {
      std::string problem =
          fmt::format("too long path in the unix domain socket in \"{}\" of the \"listen\" directive", text);
      scope.error(where, problem, fmt::format("at most {} bytes", sizeof sockaddr_un::sun_path - 1)).product = problem;
      return false;
    }
    a.family = AF_UNIX;
    a.path = path.data();
    a.path_size = static_cast<uint16_t>(path.size());
    out.push_back(a);
    return true;
  }
  Ports ports;
  Str host = text;
  size_t colon = text.rfind(':');
  bool has_port =
      colon != Str::npos && text.find(']', colon) == Str::npos && (text[0] == '[' || text.find(':') == colon);
  if (has_port) {
    host = text.substr(0, colon);
    if (!parse_ports(scope, text, text.substr(colon + 1), where, ports)) return false;
  } else if (parse_u64(text.substr(0, text.find('-')))) {
    host = "*";
    if (!parse_ports(scope, text, text, where, ports)) return false;
  }
  if (host == "*") {
    a.family = AF_INET;
    a.v4.s_addr = INADDR_ANY;
    push_ports(out, a, ports);
    return true;
  }
  if (net::parse_ip(host, a)) {
    push_ports(out, a, ports);
    return true;
  }
  addrinfo hints{}, *list = nullptr;
  hints.ai_socktype = SOCK_STREAM;
  if (getaddrinfo(std::string(host).c_str(), nullptr, &hints, &list) != 0 || !list) {
    if (scope.options.offline) {
      scope.diag.note(where, fmt::format("host \"{}\" of \"listen\" is not looked up offline", host));
      return false;
    }
    scope.error(where, fmt::format("host not found in \"{}\" of the \"listen\" directive", text));
    return false;
  }
  for (addrinfo* i = list; i; i = i->ai_next) {
    push_ports(out, net::Addr::from(i->ai_addr, i->ai_addrlen), ports);
  }
  freeaddrinfo(list);
  return true;
}

void warn_of_http2(Scope& scope, config::Where where) {
  scope.diag.warning(where, "weir does not speak HTTP/2 yet, and offers HTTP/1.1");
}

bool listen_option(Scope& scope, const Directive& d, size_t i, Listen& l) {
  Str w = d.arg(i).text;
  if (w == "default_server" || w == "default")
    l.is_default = true;
  else if (w == "ssl")
    l.ssl = true;
  else if (w == "proxy_protocol")
    l.proxy_protocol = true;
  else if (w == "reuseport")
    l.reuseport = true;
  else if (w == "deferred")
    l.deferred = true;
  else if (w == "ipv6only=off")
    l.v6only = false;
  else if (w == "bind" || w == "ipv6only=on")
    return true;
  else if (take_socket_parameter(scope, d.arg(i), l.socket))
    return true;
  else if (w.starts_with("setfib=") || w.starts_with("accept_filter="))
    scope.diag.note(d.arg(i).where,
                    fmt::format("\"{}\" has no effect in weir: it is for FreeBSD", w.substr(0, w.find('='))));
  else if (w.starts_with("backlog=")) {
    auto n = parse_u64(w.substr(8));
    if (!n || *n == 0) return false;
    l.backlog = static_cast<int>(*n);
  } else if (w == "http2") {
    warn_of_http2(scope, d.arg(i).where);
  } else if (w == "quic" || w == "spdy" || w == "multipath") {
    scope.diag.add(config::Severity::planned, d.arg(i).where, fmt::format("not yet: listen … {}", w), {});
  } else {
    return false;
  }
  return true;
}

// Whether a parameter of listen is about its server, or adds to what the address does; the others are options of the socket.
bool is_of_server(Str word) {
  constexpr Str kWords[] = {"default_server", "default", "ssl", "proxy_protocol", "http2", "spdy", "quic"};
  return std::find(std::begin(kWords), std::end(kWords), word) != std::end(kWords);
}

std::string known_option(Str word) {
  static const std::vector<Str> kOptions = {
      "default_server", "ssl",       "http2",    "quic",    "proxy_protocol", "reuseport", "deferred", "bind",
      "ipv6only=on",    "ipv6only=", "backlog=", "rcvbuf=", "so_keepalive=",  "fastopen=", "sndbuf="};
  Str near = config::nearest(word.substr(0, word.find('=') == Str::npos ? word.size() : word.find('=') + 1), kOptions);
  return near.empty() ? "see listen in weir-nginx(7)" : fmt::format("did you mean {}?", near);
}

void bind_listen(void* s, const Directive& d, const Row&) {
  Scope& scope = scope_of(s);
  Listen l;
  l.server = scope.server;
  l.where = d.arg(0).where;
  scope.server->has_listen = true;
  for (size_t i = 1; i < d.args(); i++) {
    l.options |= !is_of_server(d.arg(i).text);
    if (!listen_option(scope, d, i, l)) {
      auto& e = scope.error(d.arg(i).where, fmt::format("invalid parameter \"{}\"", d.arg(i).text),
                            known_option(d.arg(i).text));
      e.product = fmt::format("invalid parameter \"{}\"", d.arg(i).text);
    }
  }
  std::vector<net::Addr> addrs;
  resolve(scope, d.arg(0).text, d.arg(0).where, addrs);
  for (const net::Addr& a : addrs) {
    l.addr = a;
    l.text = a.text();
    std::vector<Listen>& all = main_of(scope).all;
    auto own = std::find_if(all.rbegin(), all.rend(), [&](const Listen& o) { return o.server != l.server; }).base();
    if (std::any_of(own, all.end(), [&](const Listen& o) { return o.addr == a; })) {
      scope.error(l.where, fmt::format("a duplicate listen {}", l.text), "keep one of them");
      return;
    }
    if (l.options && std::any_of(all.begin(), own, [&](const Listen& o) { return o.options && o.addr == a; })) {
      scope.error(l.where, fmt::format("duplicate listen options for {}", l.text),
                  "one line has them for all servers of the address");
      return;
    }
    all.push_back(l);
  }
}

void bind_server_name(void* s, const Directive& d, const Row&) {
  Scope& scope = scope_of(s);
  for (size_t i = 0; i < d.args(); i++) {
    Str name = d.arg(i).text;
    if (name.starts_with("~")) {
      std::string error;
      const auto* regex = expr::Regex::compile(scope.arena, name.substr(1), expr::Regex::kIcase, error);
      if (!regex) {
        scope.error(d.arg(i).where, fmt::format("invalid regular expression \"{}\": {}", name, error));
        continue;
      }
      define_captures(scope, *regex);
      main_of(scope).regexes[scope.server].push_back(regex);
    } else if (name == "." || (name.starts_with("*") && (name.size() < 3 || name[1] != '.'))) {
      scope.error(d.arg(i).where, fmt::format("server name \"{}\" is invalid", name),
                  "whole labels stand behind a * or a dot (*.example.com, .example.com)");
      continue;
    } else if (size_t star = name.find('*'); star != Str::npos) {
      bool leading = name.starts_with("*.") && name.find('*', 1) == Str::npos;
      bool trailing = name.ends_with(".*") && star == name.size() - 1 && name.size() > 2;
      if (!leading && !trailing) {
        scope.error(d.arg(i).where, fmt::format("invalid server name or wildcard \"{}\"", name),
                    "a * stands for whole labels at the start (*.example.com) or the end (www.example.*)");
        continue;
      }
    } else if (name.find('/') != Str::npos) {
      scope.diag.warning(d.arg(i).where, fmt::format("server name \"{}\" has suspicious symbols", name));
    }
    scope.server->names.push_back(scope.arena.dup(name));
  }
}

// The word of the server's `server_name` that is `name` in lower case; the server's own place when there is none.
config::Where place_of_name(const ServerBlock& server, Str name) {
  for (const Directive& d : server.directive->block)
    for (size_t i = 0; d.name() == "server_name" && i < d.args(); i++)
      if (iequals(d.arg(i).text, name)) return d.arg(i).where;
  return server.directive->where;
}

// In lower case. False: somebody has it; all of ".example.org" is ignored then, as nginx does.
bool add_name(HostNames<ServerBlock*>& to, const std::string& name, ServerBlock* server) {
  if (name.starts_with("*.")) return to.add_head(name.substr(1), server).second;
  if (name.ends_with(".*")) return to.add_tail(name.substr(0, name.size() - 1), server).second;
  if (!name.starts_with(".")) return to.exact.emplace(name, server).second;
  auto [exact, fresh] = to.exact.emplace(name.substr(1), server);
  if (!fresh) return false;
  if (to.add_head(name, server).second) return true;
  to.exact.erase(exact);
  return false;
}

void add_names(Scope& scope, Names& names, ServerBlock* server, Str addr_text) {
  for (Str raw : server->names.empty() ? std::vector<Str>{""} : server->names) {
    std::string name;
    for (char c : raw) name += lower(c);
    if (name.starts_with("~")) continue;
    if (!add_name(names.names, name, server))
      scope.diag.warning(place_of_name(*server, name),
                         fmt::format("conflicting server name \"{}\" on {}, ignored", name, addr_text));
  }
  auto regexes = main_of(scope).regexes.find(server);
  if (regexes == main_of(scope).regexes.end()) return;
  for (const expr::Regex* r : regexes->second) names.regexes.push_back({r, server});
}

bool wildcard(const net::Addr& a) {
  if (a.family == AF_INET) return a.v4.s_addr == INADDR_ANY;
  static const in6_addr any = IN6ADDR_ANY_INIT;
  return a.family == AF_INET6 && memcmp(&a.v6, &any, sizeof any) == 0;
}

// `lines`: of one address, which each server has once.
void fill_names(Scope& scope, Names& names, const std::vector<const Listen*>& lines, bool& ssl, Listen& options) {
  for (const Listen* line : lines) {
    const Listen& l = *line;
    ssl |= l.ssl;
    options.proxy_protocol |= l.proxy_protocol;
    options.reuseport |= l.reuseport;
    options.deferred |= l.deferred;
    if (!l.v6only) options.v6only = false;
    if (l.backlog != 511) options.backlog = l.backlog;
    if (l.socket != net::SocketOptions()) options.socket = l.socket;
    if (l.is_default) {
      if (names.fallback && names.fallback != l.server)
        scope.error(l.where, fmt::format("a duplicate default server for {}", l.text), "keep one default_server");
      names.fallback = l.server;
    }
    names.servers.push_back(l.server);
    add_names(scope, names, l.server, l.text);
  }
  if (!names.fallback) names.fallback = names.servers.front();
  ssl |= all_tls(*names.fallback);
  names.simple = names.servers.size() == 1 && names.regexes.empty();
}

const http::H1Limits* make_limits(Scope& scope, const Names& names) {
  const auto& c = names.fallback->level.of<CoreConf>(kCoreModule);
  auto* limits = scope.arena.make<http::H1Limits>();
  uint64_t size = c.large_buffer_size.get(8192);
  auto count = static_cast<uint64_t>(c.large_buffer_count.get(4));
  limits->max_line = static_cast<uint32_t>(size);
  limits->max_header = static_cast<uint32_t>(size);
  limits->max_head = static_cast<uint32_t>(size * count + c.header_buffer_size.get(1024));
  limits->max_headers = static_cast<uint16_t>(std::min<int64_t>(c.max_headers.get(1000), 65535));
  limits->big_header_status = 494;
  limits->ignore_invalid_headers = c.ignore_invalid_headers.get(true);
  limits->underscores_in_headers = c.underscores_in_headers.get(false);
  return limits;
}

model::Listener* make_listener(Scope& scope, const std::vector<const Listen*>& lines) {
  const Listen& l = *lines.front();
  auto* address = scope.arena.own<Address>();
  address->http = scope.http;
  bool ssl = false;
  Listen options = l;
  fill_names(scope, address->any, lines, ssl, options);
  if (wildcard(l.addr))
    for (const auto& others : main_of(scope).addresses) {
      const net::Addr& other = others.front()->addr;
      if (other.family != l.addr.family || other.port != l.addr.port || wildcard(other)) continue;
      auto* names = scope.arena.own<Names>();
      fill_names(scope, *names, others, ssl, options);
      address->specific.push_back({other, names});
    }
  auto* listener = scope.arena.own<model::Listener>();
  listener->addr = l.addr;
  listener->text = l.text;
  listener->name = scope.arena.dup(l.text);
  listener->id = static_cast<uint32_t>(scope.model.listeners.size());
  listener->backlog = options.backlog;
  listener->reuseport = options.reuseport;
  listener->defer_accept = options.deferred;
  listener->v6only = options.v6only;
  listener->socket = options.socket;
  listener->socket.delays = !ssl && delays_small_pieces(address->any.fallback->level);
  listener->accept_proxy = options.proxy_protocol;
  listener->limits = make_limits(scope, address->any);
  const auto& core = address->any.fallback->level.of<CoreConf>(kCoreModule);
  listener->timeouts = core.timeouts;
  listener->keepalive_requests = static_cast<uint32_t>(core.keepalive_requests.get(1000));
  listener->announce_keep_alive = true;
  listener->linger_always = core.lingering_close.get("on") == "always";
  listener->personality = &personality();
  listener->conf = address;
  listener->where = l.where;
  if (ssl) listener->tls = make_tls(scope, *address);
  listener->reads_plain = true;
  return listener;
}

void bind_http2(void* s, const Directive& d, const Row&) {
  Scope& scope = scope_of(s);
  const Str word = d.arg(0).text;
  if (word == "on")
    warn_of_http2(scope, d.where);
  else if (word != "off")
    scope.error(d.arg(0).where, fmt::format("invalid value \"{}\" in \"http2\" directive", word), "write on or off");
}

const Row kTable[] = {
    {"listen", kServer, 1, -1, Block::none, Inherit::none, bind_listen,
     "address[:port] | port | unix:path [default_server] [ssl] [proxy_protocol] [backlog=number] [ipv6only=on|off] "
     "[reuseport] [deferred] [rcvbuf=size] [sndbuf=size] [so_keepalive=on|off|[keepidle]:[keepintvl]:[keepcnt]] "
     "[fastopen=number]",
     "address on which the server is reached"},
    {"server_name", kServer, 1, -1, Block::none, Inherit::none, bind_server_name, "name ...",
     "names of the virtual server"},
    {"http2", kHttp | kServer, 1, 1, Block::none, Inherit::scalar, bind_http2, "on | off",
     "whether HTTP/2 is spoken; not built yet, clients get HTTP/1.1"},
    {"server_names_hash_max_size", kHttp, 1, 1, Block::none, Inherit::none, nullptr, "size", "size of the name table",
     "the table grows by itself"},
    {"server_names_hash_bucket_size", kHttp, 1, 1, Block::none, Inherit::none, nullptr, "size",
     "bucket size of the name table", "the table grows by itself"},
};

}  // namespace

Str own_name(const ServerBlock& server) {
  if (server.names.empty()) return {};
  Str first = server.names.front();
  return first.starts_with('.') ? first.substr(1) : first;
}

ServerBlock* Names::find(Str host, const expr::Regex** regex) const {
  if (simple) return fallback;
  if (ServerBlock* named = names.find(host)) return named;
  if (host.empty()) return fallback;
  for (const auto& [pattern, server] : regexes)
    if (pattern->test(host)) {
      *regex = pattern;
      return server;
    }
  return fallback;
}

void build_listeners(Scope& scope) {
  ListenMain& m = main_of(scope);
  for (ServerBlock* server : scope.http->servers) {
    if (server->has_listen) continue;
    Listen l;
    l.server = server;
    l.where = server->directive->where;
    l.addr.family = AF_INET;
    l.addr.v4.s_addr = INADDR_ANY;
    l.addr.port = getuid() == 0 ? 80 : 8000;
    l.text = l.addr.text();
    m.all.push_back(l);
  }
  m.addresses.clear();
  std::unordered_map<Str, size_t> places;
  for (const Listen& l : m.all) {
    auto [at, fresh] = places.try_emplace(l.text, m.addresses.size());
    if (fresh) m.addresses.emplace_back();
    m.addresses[at->second].push_back(&l);
  }
  std::set<std::pair<int, uint16_t>> wildcards;
  for (const auto& lines : m.addresses)
    if (const net::Addr& a = lines.front()->addr; wildcard(a)) wildcards.emplace(a.family, a.port);
  for (const auto& lines : m.addresses) {
    // A wildcard listener of the same port takes the connections of more specific addresses too.
    const net::Addr& a = lines.front()->addr;
    const bool covered = a.is_ip() && !wildcard(a) && wildcards.contains({a.family, a.port});
    if (!covered) scope.model.listeners.push_back(make_listener(scope, lines));
  }
}

const Module kListenModule{"listen", 0, nullptr, kTable};

}  // namespace weir::nginx
