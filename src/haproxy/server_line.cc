// `server`, `default-server` and `server-template` lines (configuration.txt 5.2).
#include "haproxy/server_line.h"

#include <fmt/format.h>

#include <algorithm>

#include "haproxy/address.h"
#include "haproxy/bind.h"
#include "haproxy/haproxy.h"
#include "haproxy/proxy_fields.h"
#include "haproxy/resolvers.h"
#include "haproxy/server_load.h"
#include "haproxy/server_origin.h"
#include "haproxy/server_route.h"
#include "haproxy/source.h"
#include "haproxy/tables.h"
#include "haproxy/tcp_options.h"
#include "haproxy/tls.h"
#include "net/proxy_protocol.h"

namespace weir::haproxy {
namespace {

void take_number(Scope& scope, Words args, Str name, uint64_t max, uint32_t& out) {
  uint64_t n = 0;
  if (read_number(scope, args[0], name, 0, max, n)) out = static_cast<uint32_t>(n);
}

// `proxy-v2-options`: what the PROXY header tells besides the addresses.
void take_proxy_options(Scope& scope, ServerOptions& o, const Word& word) {
  for (Str rest = word.text; !rest.empty();) {
    Str name = cut(rest, ',');
    uint16_t field = proxy_field(name);
    o.proxy_fields |= field;
    if (!field)
      scope.error(word.where, fmt::format("'{}' is not an option of the PROXY header", name),
                  "ssl, cert-cn, ssl-cipher, cert-sig, cert-key, authority, crc32c or unique-id",
                  fmt::format("'proxy-v2-options' : unknown option '{}'.", name));
  }
}

// `set-proxy-v2-tlv-fmt(<id>)`; without a format the TLV is empty.
void take_proxy_tlv(Scope& scope, ServerOptions& o, const Word& word, Words args) {
  size_t open = word.text.find('(');
  Str id = open == Str::npos ? Str{} : word.text.substr(open + 1);
  bool closed = id.ends_with(')');
  if (closed) id.remove_suffix(1);
  auto type = net::parse_tlv_type(id);
  if (!closed || !type) {
    scope.error(word.where, fmt::format("'{}' names no TLV from 0 to 255", word.text),
                "write: set-proxy-v2-tlv-fmt(0xE1) <fmt>",
                fmt::format("'set-proxy-v2-tlv-fmt' : '{}' is not a valid TLV ID", id));
    return;
  }
  ProxyTlv tlv{*type, nullptr};
  if (!args.empty()) {
    ParseEnv env = scope.env();
    tlv.value = compile_log_format(args[0], FormatUse::text, kAtConnect, env);
    if (!tlv.value) return;
  }
  o.proxy_tlvs.push(scope.arena, tlv);
}

// `on-marked-down` and `on-marked-up`: each knows one action.
void take_mark(Scope& scope, ServerOptions& o, Str name, const Word& action) {
  bool down = name == "on-marked-down";
  Str known = down ? Str("shutdown-sessions") : Str("shutdown-backup-sessions");
  if (action == known)
    (down ? o.end_on_down : o.end_backups_on_up) = true;
  else
    scope.error(action.where, fmt::format("'{}' is nothing that {} can do", action.text, name),
                fmt::format("write: {} {}", name, known),
                fmt::format("'{}' expects '{}' but got '{}'", name, known, action.text));
}

void take_hash_key(Scope& scope, ServerOptions& o, const Word& word) {
  using model::RingKey;
  // No server has a guid: its number stands in for it.
  constexpr std::pair<Str, RingKey> kKeys[] = {{"id", RingKey::number},
                                               {"id32", RingKey::spread_number},
                                               {"guid", RingKey::number},
                                               {"addr", RingKey::address},
                                               {"addr-port", RingKey::address_and_port}};
  for (auto& [name, key] : kKeys)
    if (word == name) {
      o.ring_key = key;
      return;
    }
  scope.error(word.where, fmt::format("'{}' is nothing that places a server on the ring", word.text),
              "id, id32, guid, addr or addr-port", "'hash-key' has to be 'id', 'id32', 'guid', 'addr', or 'addr-port'");
}

// `send-proxy`, `send-proxy-v2`, `send-proxy-v2-ssl`, `send-proxy-v2-ssl-cn`, and each with `no-`.
void take_send_proxy(ServerOptions& o, Str name) {
  bool off = name.starts_with("no-");
  o.send_proxy = off ? 0 : name.ends_with("send-proxy") ? 1 : 2;
  uint16_t fields = name.ends_with("-ssl-cn") ? kFieldSsl | kFieldSslCn : name.ends_with("-ssl") ? kFieldSsl : 0;
  o.proxy_fields = static_cast<uint16_t>(off ? o.proxy_fields & ~fields : o.proxy_fields | fields);
}

void take_log_protocol(Scope& scope, ServerOptions& o, const Word& word) {
  if (word == "legacy" || word == "octet-count")
    o.octet_count = word == "octet-count";
  else
    scope.error(
        word.where, fmt::format("'{}' is no way to frame log messages", word.text), "legacy or octet-count",
        fmt::format("'log-proto' : expects one of 'legacy' or 'octet-count' as arguments, got '{}'", word.text));
}

void take_protocol(Scope& scope, ServerOptions& o, const Word& word) {
  constexpr Str kKnown[] = {"h1", "none", "h2", "fcgi", "spop", "quic"};
  if (std::ranges::find(kKnown, word.text) == std::end(kKnown))
    scope.error(word.where, fmt::format("'{}' is no protocol towards servers", word.text), "h1, or none in mode tcp",
                fmt::format("'proto' :  unknown MUX protocol '{}'.", word.text));
  else
    o.proto = word;
}

void take(Scope& scope, ServerOptions& o, Str name, Words args) {
  if (take_tls_option(scope, o.tls, name, args) || take_check_option(scope, o.check, name, args)) return;
  if (take_load_option(scope, o.load, name, args) || take_name_option(scope, o.resolve, name, args)) return;
  if (take_route_option(scope, o, name, args) || take_server_socket_option(scope, o, name, args)) return;
  uint64_t n = 0;
  if (name == "weight") {
    if (read_number(scope, args[0], name, 0, 256, n)) o.weight = static_cast<int32_t>(n);
  } else if (name == "backup" || name == "no-backup") {
    o.backup = name == "backup";
  } else if (name == "disabled" || name == "enabled") {
    o.disabled = name == "disabled";
  } else if (name == "maxconn") {
    take_number(scope, args, name, INT32_MAX, o.maxconn);
  } else if (name == "id") {
    take_number(scope, args, name, INT32_MAX, o.id);
    o.id_where = args[0].where;
  } else if (name == "shard") {
    take_number(scope, args, name, INT32_MAX, o.shard);
  } else if (name == "max-reuse") {
    take_number(scope, args, name, INT32_MAX, o.max_reuse);
  } else if (name == "pool-max-conn") {
    if (args[0] == "-1")
      o.pool_max_conn = UINT32_MAX;
    else
      take_number(scope, args, name, INT32_MAX, o.pool_max_conn);
  } else if (name == "pool-purge-delay") {
    read_time_ms(scope, args[0], name, o.pool_purge_delay);
  } else if (name.ends_with("send-proxy") || name.find("send-proxy-v2") != Str::npos) {
    take_send_proxy(o, name);
  } else if (name == "proxy-v2-options") {
    take_proxy_options(scope, o, args[0]);
  } else if (name.starts_with("on-marked-")) {
    take_mark(scope, o, name, args[0]);
  } else if (name == "hash-key") {
    take_hash_key(scope, o, args[0]);
  } else if (name == "log-proto") {
    take_log_protocol(scope, o, args[0]);
  } else if (name == "log-bufsize") {
    if (read_size(scope, args[0], name, n))
      o.log_bufsize = static_cast<uint32_t>(std::clamp<uint64_t>(n, 1024, UINT32_MAX));
  } else if (name == "cookie") {
    o.cookie = args[0].text;
  } else if (name == "stick" || name == "non-stick") {
    o.non_stick = name == "non-stick";
  } else if (name == "proto") {
    take_protocol(scope, o, args[0]);
  } else if (name == "init-addr") {
    o.init_addr = args[0].text;
  } else if (name == "sni") {
    o.sni = args[0];
  } else if (name == "sni-auto" || name == "no-sni-auto") {
    o.sni_auto = name == "sni-auto";
  } else if (name == "verifyhost") {
    o.verify_host = args[0].text;
  } else if (name == "no-verifyhost") {
    o.verify_host = {};
  }
}

// Whether a server that is added at run time may have it (dynamic_ok of HAProxy's keywords).
bool takes_added(const Row& row) {
  constexpr Str kOthers[] = {"enabled",      "init-addr",    "log-bufsize",
                             "log-proto",    "max-reuse",    "namespace",
                             "non-stick",    "redir",        "resolve-net",
                             "resolvers",    "resolve-opts", "resolve-prefer",
                             "stick",        "socks4",       "no-agent-check",
                             "no-check",     "no-ssl",       "no-check-reuse-pool",
                             "no-check-ssl", "sni-auto",     "no-check-send-proxy",
                             "ssl-reuse",    "tls-tickets",  "no-send-proxy-v2-ssl",
                             "cc",           "tcp-md5sig",   "no-send-proxy-v2-ssl-cn",
                             "tcp-ut",       "from",         "check-sni-auto"};
  return std::ranges::find(kOthers, row.name) == std::end(kOthers);
}

bool take_options(Scope& scope, Words words, ServerOptions& o, Str line) {
  for (size_t at = 0; at < words.size();) {
    const Word& word = words[at];
    const Row* row = find_option(scope, word, kServerOption, line);
    if (!row) return false;
    if (o.added && !takes_added(*row)) {
      scope.error(word.where, fmt::format("'{}' is nothing for a server that is added at run time", row->name), {},
                  fmt::format("'{}' option is not accepted for dynamic server", row->name));
      return false;
    }
    if (row->name == "from") {
      scope.error(word.where, "'from' stands in front of all other options", {},
                  fmt::format("'{}' : unknown keyword 'from'.", line));
      return false;
    }
    if (row->name == "source") {
      at++;
      if (const SourceConf* source = read_source(scope, words, at, "server", true)) o.source = source;
      continue;
    }
    Words args;
    if (!take_option(scope, words, at, *row, args)) return false;
    if (row->name == "set-proxy-v2-tlv-fmt") {
      take_proxy_tlv(scope, o, word, words.subspan(at, at < words.size() ? 1 : 0));
      at = std::min(at + 1, words.size());
      continue;
    }
    if (!row->no_effect.empty())
      scope.diag.note(word.where, fmt::format("'{}' has no effect in weir: {}", row->name, row->no_effect));
    else if (!row->bind)
      scope.planned(word.where, fmt::format("{} … {}", line, row->name));
    else
      take(scope, o, row->name, args);
    if (row->name == "tfo" && (scope.context & (kRing | kPeers)))
      scope.diag.note(word.where, fmt::format("'tfo' has no effect in weir: {}", kFastOpenForRequests));
  }
  return true;
}

// Whether the server has had an address that workers still know.
bool was_somewhere(const model::Server& server) {
  net::Addr addr;
  std::string path;
  return server.state->moved.get(addr, path);
}

// Sets the server's address by the first way of `init-addr` that leads to one; what cannot be resolved now is an error in the
// product's face.
void resolve(Scope& scope, model::Server& server, const Address& address, const ServerOptions& o, const Word& word) {
  Str ways = o.init_addr.empty() ? "last,libc" : o.init_addr;
  if (net::Addr literal; address.host.empty() || net::parse_ip(address.host, literal)) ways = "libc";
  server.addr.port = static_cast<uint16_t>(std::max(0, address.port));
  server.unresolved = true;
  bool lost = false;
  while (!ways.empty()) {
    Str way = cut(ways, ',');
    std::vector<net::Addr> addrs;
    std::string problem;
    net::Addr fixed;
    if (way == "none") {
      if (lost)
        scope.diag.note(word.where, fmt::format("the host '{}' is not known now: '{}' has no address yet", address.host,
                                                server.name));
      return;
    }
    if (way == "last") {
      if (was_somewhere(server)) return;
    } else if (way == "libc") {
      lost = !socket_addresses(address, scope.arena, addrs, problem);
      if (lost) continue;
      server.addr = addrs[0];
      server.unresolved = false;
      return;
    } else if (net::parse_ip(way, fixed)) {
      fixed.port = server.addr.port;
      server.addr = fixed;
      server.unresolved = false;
      return;
    } else {
      scope.error(word.where, fmt::format("'{}' is no way to find a first address", way),
                  "last, libc, none or an address", fmt::format("'init-addr' : unknown init-addr method '{}'.", way));
      return;
    }
  }
  if (scope.options.face == config::Dialect::weir)
    scope.warning(word.where, fmt::format("the host '{}' is not known now; the server starts down", address.host));
  else if (scope.options.ignore_resolution)
    scope
        .warning(word.where, fmt::format("the host '{}' is not known: the server is in maintenance", address.host), {},
                 fmt::format("'server {}/{}' : could not resolve address '{}', disabling server.", scope.proxy->name,
                             server.name, address.host))
        .harmless = true;
  else
    scope.missing(
        word.where, fmt::format("the host '{}' is not known", address.host),
        fmt::format("'server {}/{}' : could not resolve address '{}'.", scope.proxy->name, server.name, address.host));
}

// What is not built about its address; empty: nothing.
Str unbuilt_address(const Address& address) {
  if (address.quic) return "QUIC servers";
  if (address.family == Address::Family::descriptor || address.family == Address::Family::socket_pair)
    return "servers on descriptors";
  return {};
}

// A server without a port is on the one that the client went to, where there is a client. False: it has to have one.
bool may_lack_port(Scope& scope, Str name, const Address& address, const ServerOptions& options, const Word& word) {
  const bool inet = address.family != Address::Family::path && address.family != Address::Family::abstract;
  // The ports of services come with them.
  const bool service = address.host.starts_with('_') && !options.resolve.section.text.empty();
  if (!inet || service || (address.port > 0 && !address.port_offset)) return true;
  if (!scope.proxy->is_back() || scope.proxy->s.mode == Mode::log) {
    scope.error(word.where, fmt::format("'{}' lacks its port", name), "write: <address>:<port>",
                fmt::format("'server {}' : missing port specification in '{}'.", name, word.text));
    return false;
  }
  if (options.check.on && !options.check.port)
    scope.warning(word.where, fmt::format("checks of '{}' have no port to connect to", name), "write: port <port>",
                  fmt::format("server {} has neither service port nor check port nor tcp_check rule 'connect' with "
                              "port information.",
                              name));
  return true;
}

std::string place_of(const Where& where) {
  return fmt::format("{}:{}", where.source ? where.source->path : "", where.line);
}

// Names and numbers are one server's.
void check_unique(Scope& scope, Str name, const ServerOptions& options) {
  const Str proxy = scope.proxy->name;
  for (const model::Server* other : scope.proxy->servers) {
    auto& theirs = *static_cast<const ServerOptions*>(other->conf);
    if (other->name == name)
      scope.error(options.where, fmt::format("another server of '{}' is called '{}'", proxy, name),
                  fmt::format("it is at {}", place_of(theirs.where)),
                  fmt::format("backend '{}', another server named '{}' was already defined, names must be unique.",
                              proxy, name));
    if (options.id && theirs.id == options.id)
      scope.error(options.id_where, fmt::format("the server '{}' has the number {} already", other->name, options.id),
                  fmt::format("it is at {}", place_of(theirs.id_where)),
                  fmt::format("'server {}/{}' : 'id' : custom id {} already used at {} ('server {}').", proxy, name,
                              options.id, place_of(theirs.where), other->name));
  }
}

void add_server(Scope& scope, Str name, const Word& address, const ServerOptions& options, const Where& where) {
  model::Server* s = make_server(scope, name, state_for(*scope.proxy, name), address, options, where);
  if (!s) return;
  check_unique(scope, name, options);
  scope.proxy->servers.push_back(s);
}

void bind_server(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Words words = args_of(d, row);
  ServerOptions options = scope.proxy->default_server.options;
  if (!line_options(scope, words.subspan(2), options, "server")) return;
  options.where = words[0].where;
  add_server(scope, words[0].text, words[1], options, d.where);
}

void bind_default_server(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Words words = args_of(d, row);
  DefaultServer* to = default_server_of(scope, words);
  if (!to) return;
  ServerOptions& o = to->options;
  const size_t before = words.size();
  if (!take_origin(scope, words, o)) return;
  to->said = !words.empty() || (to->said && words.size() == before);
  o.tls.certificates.capacity = o.tls.certificates.size;
  o.proxy_tlvs.capacity = o.proxy_tlvs.size;
  take_options(scope, words, o, "default-server");
}

void bind_template(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Words words = args_of(d, row);
  Str range = words[1].text;
  Str first_text = cut(range, '-');
  auto first = parse_u64(first_text);
  auto last = range.empty() ? first : parse_u64(range);
  if (range.empty() && words[1].text.find('-') == Str::npos) first = 1;
  if (!first || !last || *first < 1 || *last < *first || *last > 65535) {
    scope.error(words[1].where, fmt::format("'{}' is not a number of servers or a range", words[1].text),
                "write 5 or 1-5");
    return;
  }
  ServerOptions options = scope.proxy->default_server.options;
  if (!line_options(scope, words.subspan(3), options, "server-template")) return;
  options.where = words[0].where;
  options.id = 0;
  for (uint64_t i = *first; i <= *last; i++)
    add_server(scope, scope.keep(fmt::format("{}{}", words[0].text, i)), words[2], options, d.where);
}

void on_line(void*, const Directive&, const Row&) {}

constexpr Row option(Str name, int8_t args, Str syntax, Str help, Str no_effect = {}) {
  return {name,   kServerOption, args,     args, Block::none, Inherit::none, no_effect.empty() ? on_line : nullptr,
          syntax, help,          no_effect};
}

constexpr Row kRows[] = {
    {"server", kListen | kBackend | kRing, 2, -1, Block::none, Inherit::none, bind_server,
     "<name> <address>[:[port]] [param*]", "one server: name, address and options"},
    {"default-server", kBackends | kPeers, 1, -1, Block::none, Inherit::copy, bind_default_server,
     "[name <name>] [from <origin>] [param*]", "options for the server lines that follow"},
    {"server-template", kListen | kBackend, 3, -1, Block::none, Inherit::none, bind_template,
     "<prefix> <num | range> <fqdn>[:<port>] [from <origin>] [params*]", "many servers from one pattern and name"},
};
constexpr Row kOptionRows[] = {
    option("weight", 1, "<weight>", "share of the load, 0 to 256"),
    option("backup", 0, "", "use only when every other server is down"),
    option("no-backup", 0, "", "an ordinary server, after a default made it backup"),
    option("disabled", 0, "", "start in maintenance"),
    option("enabled", 0, "", "start in service, after a default disabled it"),
    option("on-marked-down", 1, "<action>", "what to do when the server goes down"),
    option("on-marked-up", 1, "<action>", "what to do when the server comes up"),
    option("maxconn", 1, "<maxconn>", "limit of concurrent requests on the server"),
    option("id", 1, "<value>", "fixed number of the server in statistics and hashes"),
    option("hash-key", 1, "<key>", "what places the server on the consistent hash: id, id32, guid, addr, addr-port"),
    option("cookie", 1, "<value>", "value of the persistence cookie for this server"),
    option("stick", 0, "", "entries in stick tables, after a default of non-stick"),
    option("non-stick", 0, "", "never store this server in stick tables"),
    option("shard", 1, "<shard>", "part of the keys that this peer gets; in peers sections"),
    option("max-reuse", 1, "<count>", "requests that one connection may serve"),
    option("pool-max-conn", 1, "<max>", "limit of idle connections to keep"),
    option("pool-purge-delay", 1, "<delay>", "time after which idle connections are closed"),
    option("proto", 1, "<name>", "protocol towards the server, without negotiation: h1, or none in mode tcp"),
    option("init-addr", 1, "{last | libc | none | <ip>},[...]*", "order of ways to find the first address"),
    option("send-proxy", 0, "", "tell the server about the client in a PROXY header, version 1"),
    option("no-send-proxy", 0, "", "no PROXY header, after a default"),
    option("send-proxy-v2", 0, "", "tell the server about the client in a PROXY header, version 2"),
    option("no-send-proxy-v2", 0, "", "no PROXY header, after a default"),
    option("send-proxy-v2-ssl", 0, "", "PROXY v2 header with TLS information"),
    option("no-send-proxy-v2-ssl", 0, "", "no TLS information, after a default"),
    option("send-proxy-v2-ssl-cn", 0, "", "PROXY v2 header with the name of the client certificate"),
    option("no-send-proxy-v2-ssl-cn", 0, "", "no name of the client certificate, after a default"),
    option("proxy-v2-options", 1, "<option>[,<option>]*", "more fields of the PROXY header, version 2"),
    option("set-proxy-v2-tlv-fmt", 0, "(<id>) <fmt>", "a field of the PROXY header, version 2, made from a format"),
    option("log-proto", 1, "<logproto>", "framing of log messages over TCP: legacy or octet-count"),
    option("log-bufsize", 1, "<bufsize>", "bytes of log messages kept for a server of a log backend"),
    option("sni", 1, "<expression>", "server name sent in TLS, from an expression"),
    option("verifyhost", 1, "<hostname>", "name that the server's certificate must carry"),
    option("no-verifyhost", 0, "", "no name check, after a default"),
    option("sni-auto", 0, "", "server name sent in TLS, from the Host header; the default"),
    option("no-sni-auto", 0, "", "no automatic server name"),
};

}  // namespace

model::ServerState& state_for(const Proxy& p, Str name) {
  return *model::server_state(fmt::format("haproxy/{}/{}", p.name, name));
}

model::Server* make_server(Scope& scope, Str name, model::ServerState& state, const Word& word,
                           const ServerOptions& options, const Where& where) {
  Address address;
  std::string problem;
  if (!parse_address(word.text, address, problem, scope.arena)) {
    report_address(scope, word, problem, {}, fmt::format("'server {}' : {}", name, problem));
    return nullptr;
  }
  if (Str what = unbuilt_address(address); !what.empty()) {
    scope.planned(word.where, what);
    return nullptr;
  }
  if (!may_lack_port(scope, name, address, options, word)) return nullptr;
  if (options.check.agent_on && !options.check.port_of_agent())
    scope.error(where, fmt::format("the agent of '{}' has no port", name), "write: agent-port <port>",
                fmt::format("server {} does not have agent port. Agent check has been disabled.", name));
  auto* s = scope.arena.make<model::Server>();
  s->name = name;
  s->host = address.host;
  s->weight = options.weight;
  s->backup = options.backup;
  s->disabled = options.disabled;
  set_limits(*s, options);
  s->end_on_down = options.end_on_down;
  s->end_backups_on_up = options.end_backups_on_up;
  s->max_fails = 0;
  s->ring_key = options.ring_key;
  s->send_proxy = options.send_proxy;
  auto* kept = scope.arena.make<ServerOptions>(options);
  kept->datagram = address.datagram;
  kept->stream = says_stream(word.text);
  take_client_place(address, *kept);
  s->conf = kept;
  s->state = &state;
  s->local = scope.arena.own<model::ServerLocal>();
  resolve(scope, *s, address, options, word);
  if (options.tls.on || options.tls_at_hand) {
    set_server_name(scope, *s, *kept);
    s->tls =
        make_server_tls(scope, options, fmt::format("{}/{}", scope.proxy ? scope.proxy->name : Str(), name), where);
  }
  s->tls_to = tls_to_server;
  s->tls_mode = options.tls.on ? 1 : options.tls.refused ? -1 : 0;
  return s;
}

void check_protocol(Scope& scope, const Proxy& p, const model::Server& s) {
  const auto& o = *static_cast<const ServerOptions*>(s.conf);
  const Word& word = o.proto;
  if (word.text.empty() || word == (p.http() ? "h1" : "none")) return;
  if (p.http() && word != Str("none") && word != Str("spop"))
    return scope.planned(word.where, scope.keep(fmt::format("proto {}", word.text)));
  scope.error(word.where,
              fmt::format("'{}' cannot be spoken to servers in mode {}", word.text, p.http() ? "http" : "tcp"), {},
              o.added ? std::string("MUX protocol is not usable for server.")
                      : fmt::format("{} '{}' : MUX protocol '{}' is not usable for server '{}'.", kind_name(p.kind),
                                    p.name, word.text, s.name));
}

bool line_options(Scope& scope, Words words, ServerOptions& o, Str line) {
  const DefaultServer& usual = scope.proxy->default_server;
  const bool own = words.size() < 2 || words[0] != Str("from") || words[1] == Str("be:");
  if (!take_origin(scope, words, o)) return false;
  o.tls_at_hand = own && usual.options.tls.on;
  if (o.tls.ciphers.empty()) o.tls.ciphers = scope.global.server_tls.ciphers;
  if (o.tls.ciphersuites.empty()) o.tls.ciphersuites = scope.global.server_tls.ciphersuites;
  if (o.tls.curves.empty()) o.tls.curves = scope.global.server_tls.curves;
  if (o.tls.sigalgs.empty()) o.tls.sigalgs = scope.global.server_tls.sigalgs;
  if (o.tls.client_sigalgs.empty()) o.tls.client_sigalgs = scope.global.server_tls.client_sigalgs;
  if (!o.tls.min_version) o.tls.min_version = scope.global.server_tls.min_version;
  if (!o.tls.max_version) o.tls.max_version = scope.global.server_tls.max_version;
  o.tls.certificates.capacity = o.tls.certificates.size;
  o.proxy_tlvs.capacity = o.proxy_tlvs.size;
  return take_options(scope, words, o, line);
}

model::Server* add_plain_server(Scope& scope, Proxy& to, const Word& address) {
  Proxy* outer = scope.proxy;
  scope.proxy = &to;
  size_t before = to.servers.size();
  add_server(scope, address.text, address, ServerOptions(), address.where);
  scope.proxy = outer;
  return to.servers.size() > before ? to.servers.back() : nullptr;
}

bool read_server_options(Scope& scope, Words words, ServerOptions& out, Str line) {
  out = scope.proxy->default_server.options;
  return line_options(scope, words, out, line);
}

model::Server* add_server_line(Scope& scope, Str name, const Word& address, Words words, const Where& where) {
  ServerOptions options = scope.proxy->default_server.options;
  const size_t before = scope.proxy->servers.size();
  if (!line_options(scope, words, options, "server")) return nullptr;
  add_server(scope, name, address, options, where);
  return scope.proxy->servers.size() > before ? scope.proxy->servers.back() : nullptr;
}

std::vector<Str> options_of_added() {
  std::vector<Str> names;
  for (const Row* row : index().rows())
    if ((row->contexts & kServerOption) && (row->bind || !row->no_effect.empty()) && takes_added(*row))
      names.push_back(row->name);
  return names;
}

const config::Table kServerTable = kRows;
const config::Table kServerOptionTable = kOptionRows;

}  // namespace weir::haproxy
