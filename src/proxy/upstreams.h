#pragma once
// The server connections of one shard: idle ones by server, last in first out; new ones when there is none. Another
// shard's idle connection is taken over before a new one is opened.
#include <vector>

#include "http/h1_client.h"
#include "model/model.h"

namespace weir::proxy {

class Shard;
class Transaction;
struct Forward;

class Upstreams final : public http::ClientHooks {
 public:
  Upstreams(Shard& shard, const model::Model& model);
  ~Upstreams();

  // A connection for this transaction to txn.server. `ready`: it can be sent on now; else on_connected follows.
  // Null: `why` says what failed.
  http::Stream* get(Transaction& txn, const Forward& plan, bool& ready, Error& why);
  void close_idle();
  void close_idle(const model::Server& server);
  uint32_t idle(const model::Server& server) const { return idle_[server.id].count; }

  void released(http::H1Client& c, bool reusable) override;
  void closed(http::H1Client& c) override;

 private:
  struct Idle {
    List<http::H1Client, http::PoolLink> list;
    uint32_t count = 0;
  };
  http::H1Client* take_idle(Transaction& txn, const model::Server& server, const ssl_ctx_st* tls);
  http::H1Client* open(const model::Server& server, const Forward& plan, Error& why);

  Shard& shard_;
  std::unique_ptr<Idle[]> idle_;
  std::vector<uint32_t> pool_idle_;  // idle connections by pool, for `keepalive`
};

}  // namespace weir::proxy
