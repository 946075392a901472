// See haproxy/source.h.
#include "haproxy/source.h"

#include <fmt/format.h>

#include "expr/fetch.h"
#include "haproxy/address.h"
#include "haproxy/bind.h"
#include "haproxy/exchange.h"
#include "haproxy/haproxy.h"
#include "haproxy/sample.h"
#include "haproxy/scope.h"
#include "haproxy/tables.h"
#include "http/h1_server.h"
#include "net/proxy_protocol.h"

namespace weir::haproxy {
namespace {

constexpr Str kSyntax =
    "<addr>[:<port>] [usesrc { <addr2>[:<port2>] | client | clientip | hdr_ip(<hdr>[,<occ>]) }] [interface <name>]";

// An address of this machine, or one to show. False after an error.
bool read_end(Scope& scope, const Word& word, Str what, bool ranges, net::Addr& out, uint16_t& last_port) {
  Address address;
  std::string problem;
  std::vector<net::Addr> addrs;
  bool good = parse_address(word.text, address, problem, scope.arena);
  if (good && (!address.is_inet() || address.datagram || address.quic)) {
    problem = fmt::format("'{}' is no address that a connection can come from", word.text);
    good = false;
  } else if (good && (address.port_offset || (!ranges && address.last_port > address.port))) {
    problem = fmt::format("port {} not permitted here in '{}'", address.port_offset ? "offset" : "range", word.text);
    good = false;
  }
  if (!good) {
    report_address(scope, word, problem, {}, fmt::format("'{} {}' : {}", what, word.text, problem));
    return false;
  }
  last_port = static_cast<uint16_t>(address.last_port > address.port ? address.last_port : 0);
  if (address.port < 0) address.port = 0;
  address.last_port = address.port;
  if (!socket_addresses(address, scope.arena, addrs, problem) || addrs.empty()) {
    scope.missing(word.where, fmt::format("the host '{}' is not known", address.host),
                  fmt::format("'{} {}' : could not resolve address '{}'", what, word.text, address.host));
    return true;
  }
  out = addrs[0];
  return true;
}

// "hdr_ip(<hdr>[,<occ>])". False after an error.
bool read_header(Scope& scope, const Word& word, SourceConf& conf) {
  constexpr int64_t kMost = 10;  // as many as HAProxy remembers from behind
  Str inside = word.text.substr(word.text.find('(') + 1);
  const bool closed = inside.ends_with(')');
  if (closed) inside.remove_suffix(1);
  Str rest = inside;
  Str name = trim(cut(rest, ','));
  rest = trim(rest);
  int64_t occurrence = -1;
  const bool negative = rest.starts_with('-');
  auto n = rest.empty() ? std::optional<uint64_t>(1) : parse_u64(rest.substr(negative));
  if (closed && n && !rest.empty()) occurrence = negative ? -static_cast<int64_t>(*n) : static_cast<int64_t>(*n);
  if (!closed || name.empty() || !n) {
    scope.error(word.where, fmt::format("'{}' names no header field", word.text), "write: hdr_ip(x-forwarded-for,-1)",
                "'usesrc' expects <addr>[:<port>], 'client', 'clientip', or 'hdr_ip(name,#)' as argument.");
    return false;
  }
  if (occurrence < -kMost) {
    scope.error(
        word.where, fmt::format("more than {} values cannot be counted from behind", kMost), {},
        fmt::format("usesrc hdr_ip(name,num) does not support negative occurrences values smaller than {}.", kMost));
    return false;
  }
  conf.shows = SourceConf::Shows::header;
  if (!occurrence) return true;
  ParseEnv env = scope.env();
  SampleError problem;
  conf.header =
      parse_sample_text(scope.keep(fmt::format("req.hdr_ip({},{})", name, occurrence)), env, word.where, problem);
  if (!conf.header) scope.error(word.where, problem.text, problem.remedy);
  return conf.header != nullptr;
}

bool read_shown(Scope& scope, const Word& word, SourceConf& conf) {
  using Shows = SourceConf::Shows;
  uint16_t last_port = 0;
  if (word == "client") {
    conf.shows = Shows::client;
  } else if (word == "clientip") {
    conf.shows = Shows::client_address;
  } else if (word.text.starts_with("hdr_ip(")) {
    return read_header(scope, word, conf);
  } else {
    conf.shows = Shows::address;
    if (!read_end(scope, word, "usesrc", false, conf.address, last_port)) return false;
  }
  return true;
}

void bind_source(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Words words = args_of(d, row);
  size_t at = 0;
  const SourceConf* conf = read_source(scope, words, at, row.name, false);
  if (!conf) return;
  scope.proxy->s.source = conf;
  if (at < words.size())
    scope.error(words[at].where, fmt::format("'{}' is nothing that source takes", words[at].text), row.syntax.data(),
                "'source' only supports optional keywords 'interface' and 'usesrc'.");
}

net::Addr client_address(const proxy::Transaction& txn) {
  const Exchange& x = exchange(txn);
  if (x.source) return *x.source;
  const auto* client = txn.client ? static_cast<const http::H1Server*>(txn.client->conn()) : nullptr;
  if (!client) return {};
  const net::ProxyInfo* p = client->proxied();
  return p && p->has_addresses ? p->src : client->peer();
}

constexpr Row kRows[] = {
    {"source", kBackends, 1, -1, Block::none, Inherit::copy, bind_source, kSyntax,
     "local address of connections to servers"},
};

}  // namespace

const SourceConf* read_source(Scope& scope, Words words, size_t& at, Str line, bool ranges) {
  auto* conf = scope.arena.make<SourceConf>();
  if (at >= words.size()) {
    scope.error(scope.proxy->where, "'source' lacks the address", fmt::format("write: source {}", kSyntax));
    return nullptr;
  }
  const Word& own = words[at++];
  if (!read_end(scope, own, line, ranges, conf->plain.addr, conf->plain.last_port)) return nullptr;
  if (conf->plain.addr.is_any() && !conf->plain.addr.port) conf->plain.addr = net::Addr();
  while (at < words.size() && (words[at] == "usesrc" || words[at] == "interface")) {
    const Word& name = words[at++];
    if (at >= words.size()) {
      scope.error(
          name.where, fmt::format("'{}' lacks its argument", name.text), fmt::format("write: source {}", kSyntax),
          name == "usesrc" ? "'usesrc' expects <addr>[:<port>], 'client', 'clientip', or 'hdr_ip(name,#)' as argument."
                           : fmt::format("'{}' : missing interface name.", line));
      return nullptr;
    }
    const Word& value = words[at++];
    if (name == "usesrc") {
      if (!read_shown(scope, value, *conf)) return nullptr;
    } else {
      conf->plain.interface = scope.keep(std::string(value.text) + '\0').data();
    }
    scope.global.needs_network_rights = value.where;
  }
  return conf;
}

const net::Source* source_for(proxy::Transaction& txn, const SourceConf& conf) {
  using Shows = SourceConf::Shows;
  auto* out = txn.arena.make<net::Source>(conf.plain);
  if (conf.shows == Shows::plain) return out;
  out->last_port = 0;
  out->transparent = true;
  if (conf.shows == Shows::address) {
    out->addr = conf.address;
    return out;
  }
  if (conf.shows == Shows::header) {
    expr::Value value;
    if (!conf.header) return nullptr;
    if (!conf.header->eval(context_for(txn), value)) return &conf.plain;
    out->addr = net::Addr();
    if (value.type == expr::Type::ipv4) {
      out->addr.family = AF_INET;
      out->addr.v4 = value.v4;
    } else if (value.type == expr::Type::ipv6) {
      out->addr.family = AF_INET6;
      out->addr.v6 = value.v6;
    }
    return out->addr.is_ip() ? out : &conf.plain;
  }
  out->addr = client_address(txn);
  if (!out->addr.is_ip()) return nullptr;
  if (conf.shows == Shows::client_address) out->addr.port = 0;
  return out;
}

const config::Table kSourceTable = kRows;

}  // namespace weir::haproxy
