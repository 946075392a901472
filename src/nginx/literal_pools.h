#pragma once
// Pools for addresses that variables spell (proxy_pass http://$address): one server each, made when first named, shared by all
// shards, kept as long as the model.
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "model/model.h"

namespace weir::nginx {

class LiteralPools {
 public:
  LiteralPools();
  ~LiteralPools();
  // `text`: "127.0.0.1", "[::1]:8080", "unix:/path". Null: no address, or more of them than are kept.
  const model::Pool* find(const model::Model& model, Str text, uint16_t port);

 private:
  static constexpr size_t kMost = 4096;  // a client may be who names them
  struct Entry;
  std::mutex lock_;
  std::unordered_map<std::string, std::unique_ptr<Entry>> entries_;
};

// The numeric address in "address", "address:port" or "unix:path", whose text has to live on. False: there is none.
bool parse_literal(Str text, uint16_t port, net::Addr& out);

}  // namespace weir::nginx
