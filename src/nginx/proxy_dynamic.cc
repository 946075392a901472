// proxy_pass with variables: the URL is known per request. It may name an upstream block (or a HAProxy backend), an
// address, or a host that the resolver knows, with its own path.
#include <errno.h>
#include <fmt/format.h>

#include "nginx/literal_pools.h"
#include "nginx/modules.h"
#include "nginx/personality.h"
#include "nginx/proxy.h"
#include "nginx/request.h"
#include "nginx/resolver.h"
#include "nginx/upstream.h"
#include "proxy/names.h"
#include "proxy/shard.h"
#include "proxy/transaction.h"

namespace weir::nginx {

// Where this request goes, once that is found out. In its arena.
struct DynamicTarget {
  const model::Pool* pool = nullptr;
  Error error;  // without a pool
  proxy::NameWait* wait = nullptr;  // the name is being looked up
  Str name;  // as the URL has it, with a port
  Str host;
  uint16_t port = 0;
};

namespace {

void refuse(DynamicTarget& t, uint16_t status, Str text) {
  t.error = Error{Fault::no_server, Side::proxy};
  t.error.status = status;
  t.error.text = text;
}

bool cut_scheme(Str& url, uint16_t& port, bool& tls) {
  tls = istarts_with(url, "https://");
  if (!tls && !istarts_with(url, "http://")) return false;
  url.remove_prefix(tls ? 8 : 7);
  port = tls ? 443 : 80;
  return true;
}

// What the configuration, or the text itself, knows of it; null: nothing.
const model::Pool* known_pool(proxy::Transaction& txn, Str host, uint16_t port) {
  Request& r = of(txn);
  auto it = r.http->pools.find(group_key(host));
  if (it == r.http->pools.end()) it = r.http->pools.find(pool_key(host, port));
  if (it != r.http->pools.end()) return it->second;
  // Those of this vocabulary are found with their ports.
  if (const model::Pool* pool = txn.shard.model.find_pool(host); pool && pool->personality != &personality())
    return pool;
  return r.http->literals->find(txn, host, port);
}

void take_found(proxy::Transaction& txn, DynamicTarget& t, const proxy::Found* found) {
  const net::DnsStatus status = found ? found->status : net::DnsStatus::timeout;
  if (status != net::DnsStatus::ok) {
    const bool silent = status == net::DnsStatus::timeout || status == net::DnsStatus::unreachable;
    const int number = silent ? ETIMEDOUT : status > net::DnsStatus::refused ? 3 : static_cast<int>(status);
    return refuse(
        t, 502,
        txn.arena.dup(fmt::format("{} could not be resolved ({}: {})", t.host, number, proxy::dns_text(status))));
  }
  std::vector<net::Addr> addrs;
  for (const net::DnsRecord& r : found->records) addrs.push_back(r.addr);
  for (net::Addr& a : addrs) a.port = t.port;
  t.pool = of(txn).http->literals->find(txn, t.name, addrs);
  if (!t.pool) refuse(t, 502, "too many upstreams at a time");
}

}  // namespace

bool find_target(proxy::Transaction& txn, proxy::Cursor& cursor, const ProxyConf& c) {
  Request& r = of(txn);
  if (r.target && r.target->wait) {
    take_found(txn, *r.target, std::exchange(r.target->wait, nullptr)->found().get());
    return true;
  }
  DynamicTarget& t = *(r.target = txn.arena.make<DynamicTarget>());
  Str url = c.target_script->eval(txn);
  Str whole = url;
  t.port = 80;
  if (!cut_scheme(url, t.port, r.proxy_tls)) {
    refuse(t, 500, txn.arena.cat("invalid URL prefix in \"", whole, "\""));
    return true;
  }
  size_t end = url.starts_with("unix:") ? url.find(':', 5) : url.find_first_of("/?");
  t.name = url.substr(0, end);
  r.proxy_host = host_and_port(t.name, r.proxy_tls);
  r.proxy_uri = end == Str::npos ? Str{} : url.substr(end + (url.starts_with("unix:") ? 1 : 0));
  if (r.proxy_uri.starts_with('?')) r.proxy_uri = txn.arena.cat("/", r.proxy_uri);
  if (t.name.empty()) {
    refuse(t, 500, txn.arena.cat("no host in upstream \"", whole, "\""));
    return true;
  }
  t.pool = known_pool(txn, t.name, t.port);
  if (t.pool) return true;
  t.host = t.name;
  if (!split_port(t.host, t.port)) {
    refuse(t, 500, txn.arena.cat("invalid port in upstream \"", t.name, "\""));
    return true;
  }
  const auto& resolver = conf_of<ResolverConf>(txn, kResolverModule);
  proxy::Names* names = resolver.names.get(nullptr);
  if (!names) {
    refuse(t, 502, txn.arena.cat("no resolver defined to resolve ", t.host));
    return true;
  }
  const std::string name(t.host);
  if (proxy::FoundPtr found = names->known(name, txn.shard.loop.now())) {
    take_found(txn, t, found.get());
    return true;
  }
  t.wait = proxy::NameWait::start(txn, cursor, *names, name, resolver.timeout.get(30000));
  return false;
}

const HostAndPort& target_host(proxy::Transaction& txn, const ProxyConf& c) {
  return c.target_script ? of(txn).proxy_host : c.host;
}

const model::Pool* choose_dynamic(proxy::Transaction& txn, const ProxyConf&) {
  const DynamicTarget& t = *of(txn).target;
  if (!t.pool) txn.error = t.error;
  return t.pool;
}

}  // namespace weir::nginx
