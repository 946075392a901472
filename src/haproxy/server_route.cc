// See haproxy/server_route.h.
#include "haproxy/server_route.h"

#include <fmt/format.h>

#include "expr/fetch.h"
#include "haproxy/address.h"
#include "haproxy/bind.h"
#include "haproxy/exchange.h"
#include "haproxy/haproxy.h"
#include "haproxy/proxy_fields.h"
#include "haproxy/sample.h"
#include "haproxy/scope.h"
#include "haproxy/source.h"
#include "haproxy/tables.h"
#include "model/route.h"
#include "net/digest.h"

namespace weir::haproxy {
namespace {

const ServerOptions& options_of(const model::Server& server) {
  return *static_cast<const ServerOptions*>(server.conf);
}

void take_socks4(Scope& scope, ServerOptions& o, const Word& word) {
  Address address;
  std::string problem;
  std::vector<net::Addr> addrs;
  bool good = parse_address(word.text, address, problem, scope.arena);
  if (good && (!address.is_inet() || address.datagram || address.quic)) {
    problem = fmt::format("'{}' is no address of a SOCKS4 proxy", word.text);
    good = false;
  } else if (good && (address.port <= 0 || address.port_offset || address.last_port != address.port)) {
    problem = fmt::format("missing port specification in '{}'", word.text);
    good = false;
  }
  if (!good) {
    report_address(scope, word, problem, "write: socks4 <address>:<port>",
                   fmt::format("'socks4 {}' : {}", word.text, problem));
    return;
  }
  if (socket_addresses(address, scope.arena, addrs, problem) && !addrs.empty())
    o.socks4 = addrs[0];
  else
    scope.missing(word.where, fmt::format("the host '{}' is not known", address.host),
                  fmt::format("'socks4 {}' : could not resolve address '{}'", word.text, address.host));
}

const net::Source* source_of(proxy::Transaction& txn, const model::Server& server) {
  const SourceConf* own = options_of(server).source;
  return source_for(txn, *(own ? own : static_cast<const Proxy*>(server.pool->conf)->s.source));
}

// `redir`: GET and HEAD go to where the client can reach the server itself.
bool redirect_there(proxy::Transaction& txn, const model::Server& server) {
  if (txn.tcp || (txn.request.method != http::Method::get && txn.request.method != http::Method::head)) return false;
  Str prefix = options_of(server).redir;
  if (prefix == "/") prefix = {};
  Str path = txn.request.path;
  txn.termination = {'L', 'C'};
  txn.begin_reply(302);
  txn.response.headers.add("Cache-Control", "no-cache", http::Name::cache_control);
  txn.response.headers.add("Location", txn.arena.cat(prefix, path.empty() ? Str("/") : path), http::Name::location);
  txn.response.body = http::Body::length;
  txn.reply_head({});
  return true;
}

uint64_t connection_name(proxy::Transaction& txn, const model::Server& server) {
  const expr::Expr& name = *options_of(server).pool_name_from;
  expr::Value value;
  if (!name.eval(context_for(txn), value) || !expr::cast(value, expr::Type::string, txn.arena)) return 0;
  return net::digest64(value.str);
}

void read_pool_name(Scope& scope, ServerOptions& o) {
  if (o.pool_name.text.empty()) return;
  ParseEnv env = scope.env();
  SampleError problem;
  o.pool_name_from = parse_sample_text(o.pool_name.text, env, o.pool_name.where, problem);
  if (!o.pool_name_from)
    scope.error(at_byte(o.pool_name, problem.at, problem.length), problem.text, problem.remedy,
                fmt::format("error detected while parsing pool-conn-name expression : {}.", problem.text));
  else if (!require_available(*o.pool_name_from, kAtConnect, o.pool_name.where, scope.diag))
    o.pool_name_from = nullptr;
}

void on_line(void*, const Directive&, const Row&) {}

constexpr Row option(Str name, int8_t args, Str syntax, Str help) {
  return {name, kServerOption, args, args, Block::none, Inherit::none, on_line, syntax, help};
}

constexpr Row kRows[] = {
    option("socks4", 1, "<addr>:<port>", "SOCKS4 proxy on the way to the server, which has an IPv4 address then"),
    option("source", 1,
           "<addr>[:<pl>[-<ph>]] [usesrc { <addr2>[:<port2>] | client | clientip | hdr_ip(<hdr>[,<occ>]) }] [interface "
           "<name>]",
           "local address of connections, with a range of ports"),
    option("redir", 1, "<prefix>", "redirect GET and HEAD to this prefix instead of proxying"),
    option("pool-conn-name", 1, "<expr>",
           "name under which an idle connection may be used again, in place of that of TLS"),
    option("pool-low-conn", 1, "<max>", "idle connections below which threads do not take from each other"),
    option("check-via-socks4", 0, "", "checks go through the SOCKS4 proxy as well"),
};

}  // namespace

bool take_route_option(Scope& scope, ServerOptions& o, Str name, Words args) {
  uint64_t n = 0;
  if (name == "socks4")
    take_socks4(scope, o, args[0]);
  else if (name == "check-via-socks4")
    o.check.via_socks4 = true;
  else if (name == "redir")
    o.redir = args[0].text;
  else if (name == "pool-conn-name")
    o.pool_name = args[0];
  else if (name != "pool-low-conn")
    return false;
  else if (read_number(scope, args[0], name, 0, INT32_MAX, n))
    o.pool_low = static_cast<uint32_t>(n);
  return true;
}

void take_client_place(const Address& address, ServerOptions& o) {
  if (!address.is_inet()) return;
  net::Addr literal;
  const bool any =
      address.host.empty() || address.host == "*" || (net::parse_ip(address.host, literal) && literal.is_any());
  o.client_address = any;
  const bool service = address.host.starts_with('_') && !o.resolve.section.text.empty();  // which brings its port
  o.client_port = (address.port <= 0 || address.port_offset) && !service;
  o.port_offset = address.port_offset ? address.port : 0;
}

void set_route(Scope& scope, const Proxy& p, model::Server& s) {
  auto& o = *static_cast<ServerOptions*>(const_cast<void*>(s.conf));
  read_pool_name(scope, o);
  const SourceConf* source = o.source ? o.source : p.s.source;
  const bool relayed = o.socks4.is_ip();
  const bool limited = o.pool_max_conn != UINT32_MAX;
  if (!source && !relayed && !o.client_address && !o.client_port && !o.pool_name_from && !o.pool_low && !limited &&
      o.redir.empty())
    return;
  auto* route = scope.arena.make<model::Route>();
  route->socks4 = o.socks4;
  route->client_address = o.client_address;
  route->client_port = o.client_port;
  route->port_offset = o.port_offset;
  if (source) {
    route->source = &source->plain;
    if (source->shows != SourceConf::Shows::plain) route->source_of = source_of;
  }
  if (o.pool_name_from) route->name_of = connection_name;
  route->low_idle = static_cast<int32_t>(o.pool_low);
  if (limited) route->most_idle = static_cast<int32_t>(o.pool_max_conn);
  if (!o.redir.empty()) {
    if (p.http())
      route->answers = redirect_there;
    else
      scope.warning(p.where, fmt::format("'redir' of '{}/{}' does nothing: the mode is tcp", p.name, s.name), {},
                    fmt::format("{} '{}' : 'redir' will be ignored for server '{}' (needs 'mode http').",
                                kind_name(p.kind), p.name, s.name));
  }
  s.route = route;
  if (relayed && s.addr.family != AF_INET && !s.unresolved && !s.follows)
    scope.warning(scope.proxy ? scope.proxy->where : p.where,
                  fmt::format("'{}/{}' cannot be reached: SOCKS4 leads to IPv4 addresses only", p.name, s.name));
}

const config::Table kServerRouteTable = kRows;

}  // namespace weir::haproxy
