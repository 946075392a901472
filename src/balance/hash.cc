// nginx's `hash KEY` (ngx_http_upstream_hash_module): the numbers of Cache::Memcached, so that keys keep their servers when weir
// takes nginx's place. A server that cannot be used makes the key be hashed again, with the number of the try before it.
#include <zlib.h>

#include <charconv>
#include <memory>

#include "balance/methods.h"
#include "balance/shares.h"
#include "net/loop.h"

namespace weir::model {
namespace {

const Bytef* bytes(const char* p) {
  return reinterpret_cast<const Bytef*>(p);
}

class Hash final : public Balancer {
 public:
  Hash(const Pool& pool, KeyText key) : round_robin_(make_smooth_round_robin(pool)), key_(key) {}
  Str name() const override { return "hash"; }

  const Server* pick(const Pool& pool, proxy::Transaction& txn, const Tried& tried) override {
    Str key = key_.text(txn, key_.conf);
    if (!key.empty())
      if (const Server* s = by_key(pool, key, tried)) return s;
    return round_robin_->pick(pool, txn, tried);
  }

 private:
  static uint32_t hash_of(Str key, int number) {
    char text[16];
    uLong crc = 0;
    if (number > 0) {
      auto end = std::to_chars(text, text + sizeof text, number).ptr;
      crc = crc32(crc, bytes(text), static_cast<uInt>(end - text));
    }
    return crc32(crc, bytes(key.data()), static_cast<uInt>(key.size())) >> 16 & 0x7fff;
  }

  const Server* by_key(const Pool& pool, Str key, const Tried& tried) {
    PickLock lock(pool);
    shares_.follow(pool, lineup(pool, net::Loop::current().now()));
    uint32_t hash = 0;
    return shares_.find(pool, tried, [&](int i) { return hash += hash_of(key, i); });
  }

  Shares shares_;
  std::unique_ptr<Balancer> round_robin_;
  const KeyText key_;
};

}  // namespace

Balancer* make_hash(const Pool& pool, KeyText key) {
  return new Hash(pool, key);
}

}  // namespace weir::model
