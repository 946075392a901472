// nginx's ip_hash (ngx_http_upstream_ip_hash_module): the same numbers as there, so that clients keep their servers when
// weir takes nginx's place. Of IPv4 addresses the first three bytes count, of IPv6 all.
#include <memory>

#include "balance/methods.h"
#include "balance/shares.h"
#include "net/addr.h"
#include "net/loop.h"

namespace weir::model {
namespace {

class IpHash final : public Balancer {
 public:
  IpHash(const Pool& pool, ClientAddress client) : round_robin_(make_smooth_round_robin(pool)), client_(client) {}
  Str name() const override { return "ip_hash"; }

  const Server* pick(const Pool& pool, proxy::Transaction& txn, const Tried& tried) override {
    if (const Server* s = by_address(pool, key_of(client_(txn)), tried)) return s;
    return round_robin_->pick(pool, txn, tried);
  }

 private:
  static Str key_of(const net::Addr* a) {
    if (!a || !a->is_ip()) return {"\0\0\0", 3};
    return {reinterpret_cast<const char*>(&a->v6), a->family == AF_INET ? 3u : 16u};
  }

  const Server* by_address(const Pool& pool, Str key, const Tried& tried) {
    PickLock lock(pool);
    shares_.follow(pool, lineup(pool, net::Loop::current().now()));
    uint32_t hash = 89;
    return shares_.find(pool, tried, [&](int) {
      for (char c : key) hash = (hash * 113 + static_cast<uint8_t>(c)) % 6271;
      return hash;
    });
  }

  Shares shares_;
  std::unique_ptr<Balancer> round_robin_;
  const ClientAddress client_;
};

}  // namespace

Balancer* make_ip_hash(const Pool& pool, ClientAddress client) {
  return new IpHash(pool, client);
}

}  // namespace weir::model
