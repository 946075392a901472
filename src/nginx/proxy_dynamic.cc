// proxy_pass with variables: the URL is known per request. It may name an upstream block (or a HAProxy backend), an
// address, or a URL with its own path. Host names that no upstream block has need a resolver, which is not there yet.
#include "nginx/literal_pools.h"
#include "nginx/proxy.h"
#include "nginx/request.h"
#include "nginx/upstream.h"
#include "proxy/shard.h"
#include "proxy/transaction.h"

namespace weir::nginx {
namespace {

const model::Pool* nowhere(proxy::Transaction& txn, uint16_t status, Str text) {
  txn.error = Error{Fault::no_server, Side::proxy};
  txn.error.status = status;
  txn.error.text = text;
  return nullptr;
}

bool cut_scheme(Str& url, uint16_t& port, bool& tls) {
  tls = istarts_with(url, "https://");
  if (!tls && !istarts_with(url, "http://")) return false;
  url.remove_prefix(tls ? 8 : 7);
  port = tls ? 443 : 80;
  return true;
}

}  // namespace

const model::Pool* choose_dynamic(proxy::Transaction& txn, const ProxyConf& c) {
  Request& r = of(txn);
  Str url = c.target_script->eval(txn);
  Str whole = url;
  uint16_t port = 80;
  if (!cut_scheme(url, port, r.proxy_tls))
    return nowhere(txn, 500, txn.arena.cat("invalid URL prefix in \"", whole, "\""));
  size_t end = url.starts_with("unix:") ? url.find(':', 5) : url.find_first_of("/?");
  r.proxy_host = url.substr(0, end);
  r.proxy_uri = end == Str::npos ? Str{} : url.substr(end + (url.starts_with("unix:") ? 1 : 0));
  if (r.proxy_host.empty()) return nowhere(txn, 500, txn.arena.cat("no host in upstream \"", whole, "\""));
  auto it = r.http->pools.find(std::string(r.proxy_host));
  if (it == r.http->pools.end()) it = r.http->pools.find(pool_key(r.proxy_host, port));
  if (it != r.http->pools.end()) return it->second;
  if (const model::Pool* pool = txn.shard.model.find_pool(r.proxy_host)) return pool;
  if (const model::Pool* pool = r.http->literals->find(txn.shard.model, r.proxy_host, port)) return pool;
  Str name = r.proxy_host.substr(0, r.proxy_host.rfind(':'));
  return nowhere(txn, 502, txn.arena.cat("no resolver defined to resolve ", name));
}

}  // namespace weir::nginx
