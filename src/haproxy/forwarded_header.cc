// See haproxy/forwarded_header.h. What does not fit the RFC's grammar is left out: servers may believe what is there.
#include "haproxy/forwarded_header.h"

#include <fmt/format.h>

#include "expr/forwarded.h"
#include "haproxy/bind.h"
#include "haproxy/rule.h"
#include "haproxy/tables.h"
#include "http/h1_server.h"
#include "net/conn.h"

namespace weir::haproxy {

// Where a part's value comes from; neither: the part is not there.
struct ForwardedPart {
  bool own = false;  // of the connection, or the Host header
  const expr::Expr* sample = nullptr;
  bool on() const { return own || sample; }
};

struct ForwardedOption {
  bool proto = false;
  ForwardedPart host;
  ForwardedPart by, by_port;
  ForwardedPart from, from_port;  // `for`
};

namespace {

std::string node_name(const ForwardedPart& part, const expr::Ctx& ctx, const net::Addr& addr) {
  Arena& arena = *ctx.arena;
  if (part.own) {
    if (!addr.is_ip()) return {};
    Str text = addr.ip_text(arena);
    return addr.family == AF_INET6 ? fmt::format("[{}]", text) : std::string(text);
  }
  expr::Value v;
  if (!part.sample->eval(ctx, v)) return {};
  Str text = expr::to_text(v, arena);
  if (v.type == expr::Type::ipv6) return fmt::format("[{}]", text);
  expr::ForwardedNode node;
  net::Addr ip;
  if (net::parse_ip(text, ip) && ip.family == AF_INET6)
    return text.starts_with('[') ? std::string(text) : fmt::format("[{}]", text);
  if (expr::parse_forwarded_node(text, true, node) && node.port.empty()) return std::string(text);
  return expr::is_hidden_name(text) ? fmt::format("_{}", text) : std::string();
}

std::string node_port(const ForwardedPart& part, const expr::Ctx& ctx, const net::Addr& addr) {
  if (part.own) return addr.is_ip() ? fmt::format("{}", addr.port) : std::string();
  expr::Value v;
  if (!part.sample->eval(ctx, v)) return {};
  Str text = expr::to_text(v, *ctx.arena);
  if (expr::is_port(text) || (text.starts_with('_') && expr::is_hidden_name(text.substr(1)))) return std::string(text);
  return expr::is_hidden_name(text) ? fmt::format("_{}", text) : std::string();
}

// A node with a port or an IPv6 address stands in quotes (RFC 7239 4).
std::string node(const ForwardedPart& name, const ForwardedPart& port, const expr::Ctx& ctx, const net::Addr& addr) {
  std::string text = node_name(name, ctx, addr);
  if (text.empty()) text = "unknown";
  if (port.on()) {
    std::string number = node_port(port, ctx, addr);
    if (!number.empty()) text += ":" + number;
    return fmt::format("\"{}\"", text);
  }
  return text[0] == '[' ? fmt::format("\"{}\"", text) : text;
}

std::string host(const ForwardedPart& part, const expr::Ctx& ctx, const http::Message& request) {
  Str text;
  if (part.own) {
    const http::Header* h = request.headers.find("host");
    text = h ? h->value : Str{};
  } else {
    expr::Value v;
    if (part.sample->eval(ctx, v)) text = expr::to_text(v, *ctx.arena);
  }
  return expr::is_forwarded_host(text, true) ? std::string(text) : std::string();
}

std::string element(Transaction& txn, const Exchange& x, const ForwardedOption& o) {
  expr::Ctx ctx = context_for(txn);
  const net::Conn* c = ctx.client;
  std::string out;
  auto add = [&](Str name, const std::string& value) {
    out.append(out.empty() ? "" : ";").append(name).append("=").append(value);
  };
  if (o.proto) add("proto", c && c->ssl() ? "https" : "http");
  if (o.host.on()) add("host", fmt::format("\"{}\"", host(o.host, ctx, txn.request)));
  if (o.by.on()) add("by", node(o.by, o.by_port, ctx, x.destination ? *x.destination : c ? c->local() : net::Addr()));
  if (o.from.on()) add("for", node(o.from, o.from_port, ctx, x.source ? *x.source : c ? c->peer() : net::Addr()));
  return out;
}

// Each value of a header line is one element. Commas in quotes do not divide.
bool well_formed(Str line) {
  size_t begin = 0;
  bool quoted = false;
  for (size_t i = 0; i <= line.size(); i++) {
    if (i < line.size() && line[i] == '"') quoted = !quoted;
    if (i < line.size() && (quoted || line[i] != ',')) continue;
    expr::Forwarded f;
    if (!expr::parse_forwarded(trim(line.substr(begin, i - begin)), f)) return false;
    begin = i + 1;
  }
  return true;
}

const expr::Expr* parse_part(Scope& scope, const Word& word) {
  ParseEnv env = scope.env();
  SampleError error;
  const expr::Expr* e = parse_sample_text(word.text, env, word.where, error);
  if (!e)
    scope.error(at_byte(word, error.at, error.length), error.text, error.remedy);
  else if (!require_available(*e, kAtBackendRequest, word.where, scope.diag))
    return nullptr;
  return e;
}

constexpr std::pair<Str, ForwardedPart ForwardedOption::*> kParts[] = {{"host", &ForwardedOption::host},
                                                                       {"by", &ForwardedOption::by},
                                                                       {"by_port", &ForwardedOption::by_port},
                                                                       {"for", &ForwardedOption::from},
                                                                       {"for_port", &ForwardedOption::from_port}};

// False after an error.
bool read_part(Scope& scope, Words args, size_t& at, ForwardedOption& o) {
  Str name = args[at].text;
  bool expression = name.ends_with("-expr");
  if (expression) name.remove_suffix(5);
  for (auto& [known, member] : kParts) {
    if (name != known) continue;
    ForwardedPart& part = o.*member;
    part = {};
    part.own = !expression;
    if (!expression) return true;
    if (at + 1 >= args.size()) {
      scope.error(args[at].where, fmt::format("'{}' lacks its expression", args[at].text), {},
                  fmt::format("'{}' expects <expr> as argument.", args[at].text));
      return false;
    }
    part.sample = parse_part(scope, args[++at]);
    return part.sample;
  }
  scope.error(args[at].where, fmt::format("'{}' is no part of the Forwarded header", args[at].text),
              "proto, host, by, by_port, for, for_port, each but the first also with -expr",
              "'option forwarded' only supports optional values: 'proto', 'host', 'host-expr', 'by', 'by-expr', "
              "'by_port', 'by_port-expr', 'for', 'for-expr', 'for_port' and 'for_port-expr'.");
  return false;
}

void drop_lone_port(Scope& scope, const Directive& d, Str name, const ForwardedPart& node, ForwardedPart& port) {
  if (node.on() || !port.on()) return;
  scope.warning(d.where, fmt::format("'{}_port' says nothing without '{}'", name, name), {},
                fmt::format("'option forwarded' : '{}_port' will be ignored because both '{}' and '{}-expr' are unset",
                            name, name, name));
  port = {};
}

void bind_forwarded(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Words args = args_of(d, row);
  scope.proxy->s.forwarded = nullptr;
  if (d.negated || d.defaulted) return;
  auto* o = scope.arena.make<ForwardedOption>();
  o->proto = o->from.own = args.empty();
  for (size_t at = 0; at < args.size(); at++) {
    if (args[at] == "proto")
      o->proto = true;
    else if (!read_part(scope, args, at, *o))
      return;
  }
  drop_lone_port(scope, d, "by", o->by, o->by_port);
  drop_lone_port(scope, d, "for", o->from, o->from_port);
  scope.proxy->s.forwarded = o;
}

constexpr Row kRows[] = {
    {"option forwarded", kBackends, 0, -1, Block::none, Inherit::copy, bind_forwarded,
     "[ proto ] [ host | host-expr <host_expr> ] [ by | by-expr <by_expr> ] [ by_port | by_port-expr <by_port_expr> ] "
     "[ for | for-expr <for_expr> ] [ for_port | for_port-expr <for_port_expr> ]",
     "add the RFC 7239 Forwarded header to requests"},
};

}  // namespace

void add_forwarded_header(Transaction& txn, const Exchange& x) {
  std::string own = element(txn, x, *x.back->s.forwarded);
  http::HeaderList& headers = txn.request.headers;
  http::Header* last = nullptr;
  bool trusted = true;
  for (http::Header* h = headers.find("forwarded"); h; h = headers.find("forwarded", h)) {
    trusted &= well_formed(h->value);
    last = h;
  }
  // What a server could not read would spoil what is said here: it gets a line of its own.
  if (last && trusted)
    last->value = txn.arena.cat(txn.arena.cat(last->value, Str(", ")), own);
  else
    headers.add("Forwarded", txn.arena.dup(own));
}

const config::Table kForwardedHeaderTable = kRows;

}  // namespace weir::haproxy
