// See haproxy/rdp_cookie.h. The cookie's value is the address and the port as numbers in the order of the server's machine,
// "3640205228.15629.0000".
#include "haproxy/rdp_cookie.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include "expr/fetch.h"
#include "haproxy/bind.h"
#include "haproxy/cookie.h"
#include "haproxy/exchange.h"
#include "haproxy/tables.h"

namespace weir::haproxy {
namespace {

constexpr Str kUsualName = "msts";

// Reads digits that a dot ends.
bool take_part(Str& text, uint64_t most, uint64_t& out) {
  const size_t dot = text.find('.');
  if (dot == Str::npos) return false;
  auto n = parse_u64(text.substr(0, dot));
  if (!n || *n > most) return false;
  out = *n;
  text.remove_prefix(dot + 1);
  return true;
}

void bind_persist(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  const Word& word = d.words[1];
  const size_t open = word.text.find('(');
  Str name = kUsualName;
  if (open != Str::npos) {
    name = word.text.substr(open + 1);
    if (!name.ends_with(')') || name.size() < 2) {
      scope.error(word.where, fmt::format("'{}' lacks the cookie's name", word.text),
                  "write: persist rdp-cookie(<name>)", fmt::format("'{}' : missing cookie name.", row.name));
      return;
    }
    name.remove_suffix(1);
  }
  ParseEnv env = scope.env();
  SampleError problem;
  scope.proxy->s.rdp_cookie =
      parse_sample_text(scope.keep(fmt::format("req.rdp_cookie({})", name)), env, word.where, problem);
  if (!scope.proxy->s.rdp_cookie) scope.error(word.where, problem.text, problem.remedy);
}

constexpr Row kRows[] = {
    {"persist rdp-cookie", kBackends, 0, 0, Block::none, Inherit::copy, bind_persist, "[(<name>)]",
     "send RDP clients to the server that their cookie names"},
};

}  // namespace

proxy::Next run_rdp_cookie(proxy::Transaction& txn, proxy::Cursor&, const void* conf) {
  auto& back = *static_cast<const Proxy*>(conf);
  Exchange& x = exchange(txn);
  expr::Value value;
  uint64_t address = 0, port = 0;
  if (x.persistence.direct || x.persistence.ignored || !back.s.rdp_cookie->eval(context_for(txn), value))
    return proxy::Next::next;
  Str text = value.str;
  if (!take_part(text, UINT32_MAX, address) || !take_part(text, UINT16_MAX, port)) return proxy::Next::next;
  const uint16_t host_port = ntohs(static_cast<uint16_t>(port));
  for (const model::Server* s : back.pool->servers) {
    const net::Addr& at = s->address();
    if (s->absent() || at.family != AF_INET || at.v4.s_addr != address || at.port != host_port) continue;
    if (!persists_on(*s, back, x.persistence, txn.shard.loop.now())) continue;
    x.server = s;
    x.persistence.direct = true;
    break;
  }
  return proxy::Next::next;
}

const config::Table kRdpCookieTable = kRows;

}  // namespace weir::haproxy
