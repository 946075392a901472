// See nginx/client_addr.h.
#include "nginx/client_addr.h"

#include <fmt/format.h>

#include "net/conn.h"
#include "nginx/define.h"
#include "nginx/request.h"
#include "proxy/transaction.h"

namespace weir::nginx {

const net::Addr* client_addr(const proxy::Transaction& txn) {
  if (const net::Addr* told = of(txn).real_addr) return told;
  net::Conn* conn = txn.client ? txn.client->conn() : nullptr;
  return conn ? &conn->peer() : nullptr;
}

bool Network::contains(const net::Addr& a) const {
  return all || (any_unix ? a.family == AF_UNIX : cidr.contains(a));
}

bool read_network(Scope& scope, const config::Word& word, Network& out) {
  if (word.text == "all") {
    out.all = true;
    return true;
  }
  if (word.text == "unix:") {
    out.any_unix = true;
    return true;
  }
  switch (net::parse_cidr(word.text, out.cidr)) {
    case net::CidrResult::bad:
      refuse(scope, word.where, fmt::format("invalid parameter \"{}\"", word.text),
             "an address or a network such as 10.0.0.0/8");
      return false;
    case net::CidrResult::host_bits:
      scope.diag.warning(word.where, fmt::format("low address bits of {} are meaningless", word.text));
      return true;
    default: return true;
  }
}

bool forwarded_addr(Str chain, const ArenaList<Network>& trusted, bool recursive, net::Addr& addr) {
  bool changed = false;
  for (;;) {
    bool is_trusted = false;
    for (const Network& n : trusted) is_trusted |= n.contains(addr);
    if (!is_trusted) return changed;
    while (!chain.empty() && (chain.back() == ' ' || chain.back() == ',')) chain.remove_suffix(1);
    if (chain.empty()) return changed;
    size_t begin = chain.find_last_of(" ,");
    Str last = begin == Str::npos ? chain : chain.substr(begin + 1);
    chain = begin == Str::npos ? Str{} : chain.substr(0, begin);
    net::Addr next;
    if (!parse_ip_port(last, next)) return changed;
    addr = next;
    changed = true;
    if (!recursive) return true;
  }
}

Str header_chain(proxy::Transaction& txn, Str name) {
  Str all;
  for (const http::Header* h = nullptr; (h = txn.request.headers.find(name, h));)
    all = all.empty() ? h->value : txn.arena.cat(all, ", ", h->value);
  return all;
}

bool parse_ip_port(Str text, net::Addr& out) {
  if (net::parse_ip(text, out)) return true;
  size_t colon = text.rfind(':');
  if (colon == Str::npos || !net::parse_ip(text.substr(0, colon), out)) return false;
  if (text.front() != '[' && out.family == AF_INET6) return false;
  auto port = parse_u64(text.substr(colon + 1));
  if (!port || *port < 1 || *port > 65535) return false;
  out.port = static_cast<uint16_t>(*port);
  return true;
}

}  // namespace weir::nginx
