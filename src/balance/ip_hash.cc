// nginx's ip_hash (ngx_http_upstream_ip_hash_module): the same numbers as there, so that clients keep their servers when
// weir takes nginx's place. Of IPv4 addresses the first three bytes count, of IPv6 all.
#include <memory>

#include "balance/methods.h"
#include "net/addr.h"
#include "net/loop.h"

namespace weir::model {
namespace {

constexpr int kTries = 20;  // servers that could not be used; then round robin decides

class IpHash final : public Balancer {
 public:
  IpHash(const Pool& pool, ClientAddress client) : round_robin_(make_smooth_round_robin(pool)), client_(client) {}
  Str name() const override { return "ip_hash"; }

  const Server* pick(const Pool& pool, proxy::Transaction& txn, const Tried& tried) override {
    uint64_t now = net::Loop::current().now();
    Str key = key_of(client_(txn));
    uint32_t hash = 89;
    for (int i = 0; i <= kTries && pool.servers.size > 1; i++) {
      for (char c : key) hash = (hash * 113 + static_cast<uint8_t>(c)) % 6271;
      const Server* s = at(pool, hash);
      if (s && !tried.has(s->slot) && usable(*s, now)) return s;
    }
    return round_robin_->pick(pool, txn, tried);
  }

 private:
  static Str key_of(const net::Addr* a) {
    if (!a || !a->is_ip()) return {"\0\0\0", 3};
    return {reinterpret_cast<const char*>(&a->v6), a->family == AF_INET ? 3u : 16u};
  }

  static int64_t weight(const Server& s) { return s.backup ? 0 : s.weight; }

  static const Server* at(const Pool& pool, uint32_t hash) {
    int64_t sum = 0;
    for (const Server* s : pool.servers) sum += weight(*s);
    if (sum <= 0) return nullptr;
    int64_t point = hash % sum;
    for (const Server* s : pool.servers)
      if ((point -= weight(*s)) < 0) return s;
    return nullptr;
  }

  std::unique_ptr<Balancer> round_robin_;
  const ClientAddress client_;
};

}  // namespace

Balancer* make_ip_hash(const Pool& pool, ClientAddress client) {
  return new IpHash(pool, client);
}

}  // namespace weir::model
