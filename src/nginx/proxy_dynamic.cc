// proxy_pass with variables: the URL is known per request. It may name an upstream block (or a HAProxy backend), an
// address, or a URL with its own path. Host names that no upstream block has need a resolver, which is not there yet.
#include "nginx/proxy.h"
#include "nginx/request.h"
#include "proxy/shard.h"
#include "proxy/transaction.h"

namespace weir::nginx {

const model::Pool* choose_dynamic(proxy::Transaction& txn, const ProxyConf& c) {
  Request& r = of(txn);
  Str url = c.target_script->eval(txn);
  if (istarts_with(url, "http://"))
    url.remove_prefix(7);
  else if (istarts_with(url, "https://"))
    url.remove_prefix(8);
  else
    return nullptr;
  size_t end = url.starts_with("unix:") ? url.find(':', 5) : url.find_first_of("/?");
  r.proxy_host = url.substr(0, end);
  r.proxy_uri = end == Str::npos ? Str{} : url.substr(end + (url.starts_with("unix:") ? 1 : 0));
  auto it = r.http->pools.find(std::string(r.proxy_host));
  if (it != r.http->pools.end()) return it->second;
  return txn.shard.model.find_pool(r.proxy_host);
}

}  // namespace weir::nginx
