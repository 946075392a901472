// See haproxy/server_route.h.
#include "haproxy/server_route.h"

#include <fmt/format.h>

#include "expr/fetch.h"
#include "expr/hash.h"
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

namespace weir::haproxy {
namespace {

const ServerOptions& options_of(const model::Server& server) {
  return *static_cast<const ServerOptions*>(server.conf);
}

void take_socks4(Scope& scope, ServerOptions& o, const Word& word) {
  using Family = Address::Family;
  Address address;
  std::string problem;
  std::vector<net::Addr> addrs;
  bool good = parse_address(word.text, address, problem, scope.arena);
  const bool inet = address.family == Family::any || address.family == Family::ipv4 || address.family == Family::ipv6;
  if (good && (!inet || address.datagram || address.quic)) {
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
    option("check-via-socks4", 0, "", "checks go through the SOCKS4 proxy as well"),
};

}  // namespace

bool take_route_option(Scope& scope, ServerOptions& o, Str name, Words args) {
  if (name == "socks4")
    take_socks4(scope, o, args[0]);
  else if (name == "check-via-socks4")
    o.check.via_socks4 = true;
  else
    return false;
  return true;
}

void take_client_place(const Address& address, ServerOptions& o) {
  using Family = Address::Family;
  const bool inet = address.family == Family::any || address.family == Family::ipv4 || address.family == Family::ipv6;
  if (!inet) return;
  o.client_port = address.port <= 0 || address.port_offset;
  o.port_offset = address.port_offset ? address.port : 0;
}

void set_route(Scope& scope, const Proxy& p, model::Server& s) {
  const ServerOptions& o = options_of(s);
  const SourceConf* source = o.source ? o.source : p.s.source;
  const bool relayed = o.socks4.is_ip();
  if (!source && !relayed && !o.client_address && !o.client_port) return;
  auto* route = scope.arena.make<model::Route>();
  route->socks4 = o.socks4;
  route->client_address = o.client_address;
  route->client_port = o.client_port;
  route->port_offset = o.port_offset;
  if (source) {
    route->source = &source->plain;
    if (source->shows != SourceConf::Shows::plain) route->source_of = source_of;
  }
  s.route = route;
  if (relayed && s.addr.family != AF_INET && !s.unresolved && !s.follows)
    scope.warning(scope.proxy ? scope.proxy->where : p.where,
                  fmt::format("'{}/{}' cannot be reached: SOCKS4 leads to IPv4 addresses only", p.name, s.name));
}

const config::Table kServerRouteTable = kRows;

}  // namespace weir::haproxy
