// set_real_ip_from, real_ip_header, real_ip_recursive (ngx_http_realip_module): the client's address as a trusted proxy
// told it, for everything that asks for the address from then on. Runs before the server's rewrite directives with the
// server's settings, and before access checks with the location's.
#include <fmt/format.h>
#include <netdb.h>

#include "http/h1_server.h"
#include "net/proxy_protocol.h"
#include "nginx/client_addr.h"
#include "nginx/define.h"
#include "nginx/modules.h"
#include "nginx/request.h"
#include "proxy/transaction.h"

namespace weir::nginx {
namespace {

using proxy::Next;
using proxy::Transaction;

struct RealipConf {
  ArenaList<Network> from;
  Setting<Str> header;
  Setting<bool> recursive;
};

const net::ProxyInfo* proxied(const Transaction& txn) {
  net::Conn* conn = txn.client ? txn.client->conn() : nullptr;
  const net::ProxyInfo* info = conn ? static_cast<http::H1Server*>(conn)->proxied() : nullptr;
  return info && info->has_addresses ? info : nullptr;
}

Next set_address(Transaction& txn, proxy::Cursor&, const void* c) {
  const auto& conf = *static_cast<const RealipConf*>(c);
  Request& r = of(txn);
  const net::Addr* now = client_addr(txn);
  if (r.real_addr || !now) return Next::next;
  net::Addr addr = *now;
  Str name = conf.header.get("X-Real-IP");
  if (name == "proxy_protocol") {
    const net::ProxyInfo* info = proxied(txn);
    if (!info) return Next::next;
    bool trusted = false;
    for (const Network& n : conf.from) trusted |= n.contains(addr);
    if (!trusted) return Next::next;
    addr = info->src;
  } else {
    // Only a forwarding chain is more than its first line.
    const http::Header* h = txn.request.headers.find(name);
    if (!h) return Next::next;
    Str chain = iequals(name, "X-Forwarded-For") ? header_chain(txn, name) : h->value;
    if (!forwarded_addr(chain, conf.from, conf.recursive.get(false), addr)) return Next::next;
  }
  r.real_addr = txn.arena.make<net::Addr>(addr);
  return Next::next;
}

// A host name stands for all its addresses at the time of loading.
bool resolve(Scope& scope, const config::Word& word, RealipConf& conf) {
  if (word.text.find('/') != Str::npos || word.text.empty()) return false;
  if (scope.options.offline) return true;
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  if (getaddrinfo(std::string(word.text).c_str(), nullptr, &hints, &list) != 0) {
    refuse(scope, word.where, fmt::format("host not found in set_real_ip_from \"{}\"", word.text),
           "an address or a network");
    return true;
  }
  for (addrinfo* a = list; a; a = a->ai_next) {
    Network n;
    n.cidr.addr = net::Addr::from(a->ai_addr, a->ai_addrlen);
    n.cidr.bits = n.cidr.addr.family == AF_INET ? 32 : 128;
    conf.from.push(scope.arena, n);
  }
  freeaddrinfo(list);
  return true;
}

void bind_from(void* s, const Directive& d, const Row&) {
  Scope& scope = *static_cast<Scope*>(s);
  auto& conf = *static_cast<RealipConf*>(scope.conf);
  const config::Word& word = d.arg(0);
  net::Cidr cidr;
  Network n;
  if (word.text != "unix:" && net::parse_cidr(word.text, cidr) == net::CidrResult::bad && resolve(scope, word, conf))
    return;
  if (read_network(scope, word, n)) conf.from.push(scope.arena, n);
}

void merge(Scope&, void* child, const void* parent) {
  auto& c = *static_cast<RealipConf*>(child);
  if (c.from.empty()) c.from = static_cast<const RealipConf*>(parent)->from;
}

void compile(Scope&, Location& l, void* c) {
  if (static_cast<RealipConf*>(c)->from.empty()) return;
  if (l.context == kServer) l.step(Phase::rewrite, set_address, c);
  l.step(Phase::preaccess, set_address, c);
}

const Row kTable[] = {
    {"set_real_ip_from", kHttpServerLocation, 1, 1, Block::none, Inherit::array, bind_from,
     "address | CIDR | unix:", "a proxy that is trusted to tell the client's address"},
    {"real_ip_header",
     kHttpServerLocation,
     1,
     1,
     Block::none,
     Inherit::scalar,
     set_str,
     "field | X-Real-IP | X-Forwarded-For | proxy_protocol",
     "where the client's address is told",
     {},
     WEIR_FIELD(RealipConf, header),
     "X-Real-IP"},
    {"real_ip_recursive",
     kHttpServerLocation,
     1,
     1,
     Block::none,
     Inherit::scalar,
     set_flag,
     "on | off",
     "whether trusted addresses in a chain are skipped",
     {},
     WEIR_FIELD(RealipConf, recursive),
     "off"},
};

bool fetch_addr(const expr::Ctx& ctx, const expr::Arg*, Value& out) {
  if (!ctx.client) return false;
  out = Value::of(ctx.client->peer().ip_text(*ctx.arena));
  return true;
}

bool fetch_port(const expr::Ctx& ctx, const expr::Arg*, Value& out) {
  if (!ctx.client || !ctx.client->peer().is_ip()) return false;
  out = Value::of(ctx.arena->dup(fmt::format_int(ctx.client->peer().port).c_str()));
  return true;
}

const VariableDef kVariables[] = {
    {"realip_remote_addr", fetch_addr},
    {"realip_remote_port", fetch_port},
};

}  // namespace

const Module kRealipModule{"realip", sizeof(RealipConf), module_create<RealipConf>, kTable, merge, compile};
const std::span<const VariableDef> kRealipVariables{kVariables};

}  // namespace weir::nginx
