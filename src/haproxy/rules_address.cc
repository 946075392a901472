// Rules about who the client is: set-src, set-src-port, set-dst, set-dst-port (configuration.txt 4.4). What connection and session
// rules set holds for all requests of the connection, what other rules set for the request.
#include <fmt/format.h>

#include "expr/fetch_helpers.h"
#include "haproxy/bind.h"
#include "haproxy/rule.h"
#include "haproxy/tables.h"
#include "http/h1_server.h"

namespace weir::haproxy {
namespace {

struct AddressRule : Rule {
  const expr::Expr* sample = nullptr;
  bool source = false;
  bool port = false;
};

// What the rule starts from: the address as it counts at this place.
net::Addr present(const expr::Ctx& ctx, const AddressRule& rule) {
  expr::Endpoint e;
  net::Addr out;
  if (!(rule.source ? expr::client_source(ctx, e) : expr::client_destination(ctx, e))) return out;
  out.family = e.address.type == expr::Type::ipv4 ? AF_INET : AF_INET6;
  if (out.family == AF_INET)
    out.v4 = e.address.v4;
  else
    out.v6 = e.address.v6;
  out.port = e.port;
  return out;
}

// False: the expression gives nothing of use.
bool change(const expr::Ctx& ctx, const AddressRule& rule, net::Addr& addr) {
  expr::Value v;
  if (!rule.sample->eval(ctx, v)) return false;
  if (rule.port) {
    if (!expr::cast(v, expr::Type::integer, *ctx.arena)) return false;
    // Where there is no address that has ports, it is any.
    if (!addr.is_ip()) addr.family = AF_INET;
    addr.port = static_cast<uint16_t>(v.integer);
    return true;
  }
  if (!expr::cast(v, expr::Type::ipv4, *ctx.arena) && !expr::cast(v, expr::Type::ipv6, *ctx.arena)) return false;
  addr.family = v.type == expr::Type::ipv4 ? AF_INET : AF_INET6;
  if (v.type == expr::Type::ipv4)
    addr.v4 = v.v4;
  else
    addr.v6 = v.v6;
  return true;
}

Next run_address(Transaction& txn, Cursor&, const void* conf) {
  auto& rule = *static_cast<const AddressRule*>(conf);
  expr::Ctx ctx = context_for(txn);
  if (!applies(rule, ctx)) return Next::next;
  net::Addr addr = present(ctx, rule);
  if (!change(ctx, rule, addr)) return Next::next;
  Exchange& x = exchange(txn);
  auto* client = txn.client ? static_cast<http::H1Server*>(txn.client->conn()) : nullptr;
  if (client && rule.set == Ruleset::connection) client->set_wire_address(rule.source, addr);
  if (client && rule.set == Ruleset::session) client->set_session_address(rule.source, addr);
  (rule.source ? x.source : x.destination) = txn.arena.make<net::Addr>(addr);
  return Next::next;
}

void bind_address(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Words args;
  auto* rule = new_rule<AddressRule>(scope, d, row, args);
  if (!rule || !enough(scope, d, args, 1, row)) return;
  rule->port = row.name.ends_with("-port");
  rule->source = row.name.find("set-src") != Str::npos;
  ParseEnv env = scope.env();
  size_t at = 0;
  rule->sample = parse_sample_words(args, at, env);
  if (rule->sample && require_available(*rule->sample, place_of(scope, rule->set), args[0].where, scope.diag) &&
      no_more(scope, args, at, row))
    add_rule(scope, d, *rule, run_address);
}

constexpr Str kSyntax = "<expr> [ { if | unless } <condition> ]";

constexpr Row row(Str name, ContextMask contexts, Str help) {
  return rule_row(name, contexts, 1, -1, bind_address, kSyntax, help);
}

constexpr Str kSource = "set the client's address to the value of an expression";
constexpr Str kSourcePort = "set the client's port to the value of an expression";
constexpr Str kDestination = "set the address that the client came for";
constexpr Str kDestinationPort = "set the port that the client came for";

constexpr Row kRows[] = {
    row("tcp-request connection set-src", kFrontends, kSource),
    row("tcp-request connection set-src-port", kFrontends, kSourcePort),
    row("tcp-request connection set-dst", kFrontends, kDestination),
    row("tcp-request connection set-dst-port", kFrontends, kDestinationPort),
    row("tcp-request session set-src", kFrontends, kSource),
    row("tcp-request session set-src-port", kFrontends, kSourcePort),
    row("tcp-request session set-dst", kFrontends, kDestination),
    row("tcp-request session set-dst-port", kFrontends, kDestinationPort),
    row("tcp-request content set-src", kProxies, kSource),
    row("tcp-request content set-src-port", kProxies, kSourcePort),
    row("tcp-request content set-dst", kProxies, kDestination),
    row("tcp-request content set-dst-port", kProxies, kDestinationPort),
    row("http-request set-src", kProxies, kSource),
    row("http-request set-src-port", kProxies, kSourcePort),
    row("http-request set-dst", kProxies, kDestination),
    row("http-request set-dst-port", kProxies, kDestinationPort),
};

}  // namespace

const config::Table kAddressRuleTable = kRows;

}  // namespace weir::haproxy
