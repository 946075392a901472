// `bind` lines: one listener for each address and port (configuration.txt 5.1).
#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>

#include "haproxy/address.h"
#include "haproxy/bind.h"
#include "haproxy/bind_line.h"
#include "haproxy/tables.h"
#include "haproxy/tcp_options.h"
#include "haproxy/tls.h"

namespace weir::haproxy {

bool find_user(Scope& scope, const Word& word, int& id) {
  if (const passwd* p = getpwnam(std::string(word.text).c_str())) {
    id = static_cast<int>(p->pw_uid);
    return true;
  }
  scope.missing(word.where, fmt::format("there is no user '{}' here", word.text),
                fmt::format("'user' : '{}' is not a known user name.", word.text));
  return false;
}

bool find_group(Scope& scope, const Word& word, int& id) {
  if (const group* g = getgrnam(std::string(word.text).c_str())) {
    id = static_cast<int>(g->gr_gid);
    return true;
  }
  scope.missing(word.where, fmt::format("there is no group '{}' here", word.text),
                fmt::format("'group' : '{}' is not a known group name.", word.text));
  return false;
}

bool take_socket_owner(Scope& scope, Str name, Words args, int& mode, int& uid, int& gid) {
  if (name == "mode") {
    char* end = nullptr;
    std::string text(args[0].text);
    mode = static_cast<int>(strtol(text.c_str(), &end, 8));
    if (*end || text.empty()) scope.error(args[0].where, fmt::format("'{}' is not an octal mode", text));
    return true;
  }
  if (name == "user") return find_user(scope, args[0], uid), true;
  if (name == "group") return find_group(scope, args[0], gid), true;
  if (name != "uid" && name != "gid") return false;
  uint64_t n = 0;
  if (read_number(scope, args[0], name, 0, INT32_MAX, n)) (name == "uid" ? uid : gid) = static_cast<int>(n);
  return true;
}

namespace {

struct Line {
  model::Listener options;  // what the words say, copied to each listener
  uint32_t max_conns = 0;  // of each listener; 0: no limit
  TlsOptions tls;
};

void take(Scope& scope, Line& line, const Row& row, const Word& word, Words args) {
  Str name = row.name;
  model::Listener& l = line.options;
  uint64_t n = 0;
  if (take_tls_option(scope, line.tls, name, args) ||
      take_socket_owner(scope, name, args, l.unix_mode, l.unix_uid, l.unix_gid) ||
      take_socket_option(scope, name, args, l.interface, l.socket))
    return;
  if (name == "name")
    l.name = args[0].text;
  else if (name == "v4v6")
    l.v6only = false;
  else if (name == "v6only")
    l.v6only = true;
  else if (name == "defer-accept")
    l.defer_accept = true;
  else if (name == "accept-proxy")
    l.accept_proxy = l.proxy_sums = true;
  else if (name == "transparent")
    l.transparent = true;
  else if (name == "backlog" && read_number(scope, args[0], name, 1, INT32_MAX, n))
    l.backlog = static_cast<int>(n);
  else if (name == "maxconn" && read_number(scope, args[0], name, 0, INT32_MAX, n))
    line.max_conns = static_cast<uint32_t>(n);
  if (name == "maxconn" && (scope.context & (kLogForward | kPeers)))
    scope.diag.note(word.where, "'maxconn' has no effect in weir here: connections count for the whole section");
}

// Words of one bind line; also checked when nothing can be made of the address.
bool take_options(Scope& scope, Words words, Line& line) {
  for (size_t at = 0; at < words.size();) {
    const Word& word = words[at];
    const Row* row = find_option(scope, word, kBindOption, "bind");
    if (!row) return false;
    Words args;
    if (!take_option(scope, words, at, *row, args)) return false;
    if (!row->no_effect.empty())
      scope.diag.note(word.where, fmt::format("'{}' has no effect in weir: {}", row->name, row->no_effect));
    else if (!row->bind) {
      scope.planned(word.where, fmt::format("bind … {}", row->name));
      line.tls.elsewhere |= row->name == "generate-certificates";
    } else
      take(scope, line, *row, word, args);
  }
  return true;
}

void add_listener(Scope& scope, const Line& line, const net::Addr& addr, const Address& address, Str text,
                  const Where& where) {
  auto* l = scope.arena.own<model::Listener>(line.options);
  l->addr = addr;
  l->text = text;
  l->where = where;
  if (line.max_conns) {
    l->places = scope.arena.own<model::ListenerPlaces>();
    l->places->most = line.max_conns;
  }
  l->pair = address.family == Address::Family::socket_pair;
  if (l->pair || address.family == Address::Family::descriptor) l->fd = address.fd;
  if (addr.family == AF_UNIX) {
    const Global& g = scope.global;
    if (l->unix_mode < 0) l->unix_mode = g.unix_mode;
    if (l->unix_uid < 0) l->unix_uid = g.unix_uid;
    if (l->unix_gid < 0) l->unix_gid = g.unix_gid;
  }
  scope.proxy->listeners.push_back(l);
}

void add_address(Scope& scope, const Line& line, Str text, const Word& word) {
  Address address;
  std::string problem;
  if (!parse_address(text, address, problem, scope.arena)) {
    report_address(scope, word, problem, {}, fmt::format("'bind' : {}", problem));
    return;
  }
  if (address.quic) return scope.planned(word.where, "QUIC listeners");
  if (address.datagram) {
    scope.error(word.where, "a proxy listens on stream sockets only", {},
                fmt::format("'bind' : '{}' : not a stream address.", text));
    return;
  }
  if (address.family == Address::Family::descriptor || address.family == Address::Family::socket_pair)
    return add_listener(scope, line, {}, address, text, word.where);
  if (!has_port_to_listen(scope, word, text, address, "bind")) return;
  if (address.family == Address::Family::path && !scope.global.unix_prefix.empty())
    address.host = scope.keep(scope.global.unix_prefix + std::string(address.host));
  std::vector<net::Addr> addrs;
  if (!socket_addresses(address, scope.arena, addrs, problem))
    return scope.missing(word.where, problem, fmt::format("'bind' : {}", problem));
  for (const net::Addr& a : addrs) add_listener(scope, line, a, address, text, word.where);
}

void bind_bind(void* s, const Directive& d, const Row& row) {
  Words words = args_of(d, row), options = words.subspan(1);
  listen_at(scope_of(s), words[0], std::span(&options, 1), d.where);
}

void on_line(void*, const Directive&, const Row&) {}

constexpr Row option(Str name, int8_t args, Str syntax, Str help, Str no_effect = {}) {
  return {name,   kBindOption, args,     args, Block::none, Inherit::none, no_effect.empty() ? on_line : nullptr,
          syntax, help,        no_effect};
}

constexpr Str kNoThreads = "every shard accepts from every listener";

constexpr Row kRows[] = {
    {"bind", kFrontend | kListen | kLogForward, 1, -1, Block::none, Inherit::none, bind_bind,
     "[<address>]:<port_range> [, ...] [param*]", "address to listen on, with its options"},
    {"ssl-f-use", kFrontend | kListen, 0, -1, Block::none, Inherit::none, on_line, "[<sslbindconf> ...]*",
     "certificate for this frontend's TLS, with options of its own"},
};
constexpr Row kOptionRows[] = {
    option("accept-proxy", 0, "", "expect a PROXY protocol header on each connection"),
    option("backlog", 1, "<backlog>", "length of the listen queue"),
    option("defer-accept", 0, "", "accept connections only once data has arrived"),
    option("transparent", 0, "", "accept connections for addresses that are not local"),
    option("v4v6", 0, "", "accept IPv4 on an IPv6 socket"),
    option("v6only", 0, "", "refuse IPv4 on an IPv6 socket"),
    option("gid", 1, "<gid>", "numeric group of the Unix socket"),
    option("group", 1, "<group>", "group of the Unix socket"),
    option("mode", 1, "<mode>", "permissions of the Unix socket"),
    option("uid", 1, "<uid>", "numeric owner of the Unix socket"),
    option("user", 1, "<user>", "owner of the Unix socket"),
    option("name", 1, "<name>", "name of the socket in statistics"),
    option("id", 1, "<id>", "number of the socket in statistics", "sockets are numbered in the order of the file"),
    option("maxconn", 1, "<maxconn>", "limit of concurrent connections on this socket"),
    option("nice", 1, "<nice>", "scheduling priority of connections from here",
           "connections are served in the order of their events"),
    option("thread", 1, "[<thread-group>/]<thread-set>[,...]", "threads that serve this socket", kNoThreads),
    option("process", 1, "<process-set>", "processes of a listener; replaced by: thread", kNoThreads),
    option("shards", 1, "{ <number> | by-thread | by-group }", "how many sockets share this address", kNoThreads),
};

// TLS that nobody asked for: the port is plain text, whatever the line says of certificates.
void check_tls_words(Scope& scope, const TlsOptions& tls, const Word& addresses, const Where& line) {
  const Word* said = !tls.certificates.empty()       ? &tls.certificates[0].word
                     : !tls.verify.text.empty()      ? &tls.verify
                     : !tls.ca_file.text.empty()     ? &tls.ca_file
                     : !tls.crl_file.text.empty()    ? &tls.crl_file
                     : !tls.ticket_keys.text.empty() ? &tls.ticket_keys
                                                     : nullptr;
  if (tls.on || !said) return;
  scope.warning(
      said->where, fmt::format("'{}' speaks plain text: its line says nothing of 'ssl'", addresses.text),
      fmt::format("write: bind {} ssl …", addresses.text),
      fmt::format("Proxy '{}': A certificate was specified but SSL was not enabled on bind '{}' at [{}:{}] "
                  "(use 'ssl').",
                  scope.proxy->name, addresses.text, line.source ? line.source->path : std::string(), line.line));
}

}  // namespace

bool listen_at(Scope& scope, const Word& addresses, std::span<const Words> options, const Where& where) {
  Line line;
  line.options.v6only = false;
  line.options.backlog = scope.proxy->s.backlog ? static_cast<int>(scope.proxy->s.backlog) : 4096;
  line.tls = scope.global.bind_tls;
  for (Words words : options)
    if (!take_options(scope, words, line)) return false;
  if (line.options.socket.fast_open) line.options.socket.fast_open = static_cast<uint32_t>(line.options.backlog);
  check_tls_words(scope, line.tls, addresses, where);
  if (line.tls.on) line.options.tls = make_listener_tls(scope, line.tls, where);
  Str list = addresses.text;
  while (!list.empty()) add_address(scope, line, cut(list, ','), addresses);
  return true;
}

const config::Table kBindTable = kRows;
const config::Table kBindOptionTable = kOptionRows;

}  // namespace weir::haproxy
