#pragma once
// Pools for addresses that variables spell (proxy_pass http://$address) or that names turn out to have: made when first named,
// shared by all shards, kept while they are used and for a while after.
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <unordered_map>

#include "model/model.h"

namespace weir::proxy {
class Transaction;
}

namespace weir::nginx {

class LiteralPools {
 public:
  LiteralPools();
  ~LiteralPools();
  // For this transaction. `text`: "127.0.0.1", "[::1]:8080", "unix:/path". Null: no address, or more of them than are kept.
  const model::Pool* find(proxy::Transaction& txn, Str text, uint16_t port);
  // Likewise, with a server for each of the addresses of `host`.
  const model::Pool* find(proxy::Transaction& txn, Str host, std::span<const net::Addr> addrs);

 private:
  static constexpr size_t kMost = 4096;  // a client may be who names them
  struct Entry;
  const model::Pool* keep(proxy::Transaction& txn, std::shared_ptr<Entry>& entry);
  bool make_room(uint64_t now_ms);
  std::mutex lock_;
  std::unordered_map<std::string, std::shared_ptr<Entry>> entries_;
};

// The numeric address in "address", "address:port" or "unix:path", whose text has to live on. False: there is none.
bool parse_literal(Str text, uint16_t port, net::Addr& out);
// Splits "host:port"; false: a port that is none.
bool split_port(Str& host, uint16_t& port);

}  // namespace weir::nginx
