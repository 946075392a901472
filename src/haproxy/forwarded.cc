// Headers that tell servers about the client: `option forwardfor`, `option originalto`, `http-send-name-header`.
#include "haproxy/forwarded.h"

#include <fmt/format.h>

#include "haproxy/bind.h"
#include "haproxy/rule.h"
#include "haproxy/tables.h"
#include "net/conn.h"

namespace weir::haproxy {
namespace {

const AddressHeader* first_on(const AddressHeader& a, const AddressHeader& b) {
  return a.on ? &a : b.on ? &b : nullptr;
}

bool excepted(const AddressHeader& h, const expr::Value& address) {
  return h.on && h.except && h.except->find(address);
}

// Adds the address unless a part of the configuration excludes it. What the backend says goes before the frontend.
void add_address(Transaction& txn, const AddressHeader& back, const AddressHeader& front, const net::Addr& addr,
                 Str usual) {
  if (!addr.is_ip()) return;
  const AddressHeader& which = *first_on(back, front);
  if (which.except || back.except || front.except) {
    expr::Value v = addr.family == AF_INET ? expr::Value::of(addr.v4) : expr::Value::of(addr.v6);
    if (excepted(back, v) || excepted(front, v)) return;
  }
  http::HeaderList& headers = txn.request.headers;
  Str name = !which.header.empty() ? which.header : usual;
  bool always = (back.on && !back.if_none) || (front.on && !front.if_none);
  if (!always && headers.find(name)) return;
  headers.add(name, addr.ip_text(txn.arena));
}

}  // namespace

void add_forwarded(Transaction& txn, const Exchange& x) {
  const Settings& front = x.front ? x.front->s : x.back->s;
  const Settings& back = x.back->s;
  if (front.forwardfor.on || back.forwardfor.on) {
    net::Conn* c = txn.client ? txn.client->conn() : nullptr;
    if (x.source || c)
      add_address(txn, back.forwardfor, front.forwardfor, x.source ? *x.source : c->peer(), "X-Forwarded-For");
  }
  if (front.originalto.on || back.originalto.on) {
    net::Conn* c = txn.client ? txn.client->conn() : nullptr;
    if (x.destination || c)
      add_address(txn, back.originalto, front.originalto, x.destination ? *x.destination : c->local(), "X-Original-To");
  }
}

namespace {

const expr::PatternList* parse_network(Scope& scope, const Word& word) {
  auto* source = scope.global.patterns.inline_source();
  source->texts.push_back({std::string(word.text), {}, static_cast<int>(word.where.line)});
  std::string problem;
  const expr::PatternList* list = source->list(expr::Method::ip, false, false, expr::Type::string, problem);
  if (!list)
    scope.error(word.where, fmt::format("'{}' is not a network: {}", word.text, problem), "write: 127.0.0.0/8",
                fmt::format("'{}' expects <address>[/mask] as argument", word.text));
  return list;
}

template <AddressHeader Settings::* member>
void bind_address_header(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  AddressHeader h;
  h.on = !d.negated && !d.defaulted;
  Words args = args_of(d, row);
  for (size_t i = 0; i < args.size(); i++) {
    bool takes_value = args[i] == "except" || args[i] == "header";
    if (args[i] == "if-none" && member == &Settings::forwardfor) {
      h.if_none = true;
    } else if (takes_value && i + 1 < args.size()) {
      if (args[i] == "header")
        h.header = args[i + 1].text;
      else if (!(h.except = parse_network(scope, args[i + 1])))
        return;
      i++;
    } else {
      scope.error(args[i].where, fmt::format("'{}' is not expected behind '{}'", args[i].text, row.name),
                  fmt::format("write: {} {}", row.name, row.syntax),
                  fmt::format("'{}' only supports optional values: 'except', 'header' and 'if-none'.", row.name));
      return;
    }
  }
  scope.proxy->s.*member = h;
}

constexpr Row kRows[] = {
    {"option forwardfor", kProxies, 0, -1, Block::none, Inherit::copy, bind_address_header<&Settings::forwardfor>,
     "[ except <network> ] [ header <name> ] [ if-none ]", "add X-Forwarded-For to requests"},
    {"option originalto", kProxies, 0, 4, Block::none, Inherit::copy, bind_address_header<&Settings::originalto>,
     "[ except <network> ] [ header <name> ]", "add X-Original-To to requests"},
};

}  // namespace

const config::Table kForwardedTable = kRows;

}  // namespace weir::haproxy
