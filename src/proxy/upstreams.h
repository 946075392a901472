#pragma once
// The server connections of one shard: idle ones by server, last in first out; new ones when there is none. Another
// shard's idle connection is taken over before a new one is opened.
#include <memory>
#include <utility>
#include <vector>

#include "base/key_index.h"
#include "http/h1_client.h"
#include "model/model.h"
#include "net/tls_client.h"

namespace weir::net {
struct Source;
}

namespace weir::proxy {

class Shard;
class Transaction;
struct Forward;

class Upstreams final : public http::ClientHooks {
 public:
  Upstreams(Shard& shard, const model::Model& model);
  ~Upstreams();

  // A connection for this transaction to txn.server. `ready`: it can be sent on now; else on_connected follows.
  // Null: `why` says what failed; or, where that is Fault::none, another shard was asked for an idle connection (only when
  // `may_ask`) and the transaction's connection_found() follows.
  http::Stream* get(Transaction& txn, const Forward& plan, bool may_ask, bool& ready, Error& why);
  // How a connection gets to a server where the plain way may not be it.
  struct Way {
    net::Addr to;
    const net::Source* source = nullptr;  // null: the system's choice
    bool lacks_source = false;  // one is to be shown that this exchange does not have
    std::string header;  // of the PROXY protocol; empty: none
  };
  // The transaction waits for nothing any more.
  void forget(Transaction& txn);
  void close_idle();
  void close_idle(const model::Server& server);
  // A client's connection is closed: what was kept for it alone goes too.
  void client_closed(const net::Conn& client);
  uint32_t idle(const model::Server& server) { return idle_of(server).count; }

  void released(http::H1Client& c, bool reusable) override;
  void closed(http::H1Client& c) override;
  void broken(http::H1Client& c, const http::BadBytes& bytes) override;

 private:
  struct Idle {
    List<http::H1Client, http::PoolLink> list;
    uint32_t count = 0;
  };
  struct PoolIdle {
    List<http::H1Client, http::AgeLink> by_age;  // the last one has been idle longest
    uint32_t count = 0;
  };
  // Ends the waiting for other shards' answers.
  struct Patience final : Timer {
    explicit Patience(Upstreams& u) : upstreams(u) {}
    void on_timer() override { upstreams.stop_asking(); }
    Upstreams& upstreams;
  };
  // Who waits for another shard's answer, and how long (Loop::now).
  struct Ask {
    uint64_t ticket;
    Transaction* txn;
    uint64_t until_ms;
  };
  // A connection on its way from one shard to another.
  struct Parcel {
    net::Conn::Detached conn;
    net::Addr peer;
    uint32_t requests = 0;
    uint64_t created_ms = 0;
    uint64_t kind = 0;
  };
  Idle& idle_of(const model::Server& server) {
    return server.id < known_ ? idle_[server.id] : idle_of_added(server.id - known_);
  }
  Idle& idle_of_added(size_t n);
  // Which idle connections an exchange may take.
  struct Need {
    const net::Conn* owner = nullptr;  // that serve this client alone
    uint64_t kind = 0;  // H1Client::kind
    bool proven = false;  // that have served more than one request
  };
  // What the pool's http-reuse allows; false: nothing.
  static bool may_reuse(const Transaction& txn, const model::Server& server, Need& need);
  bool ask_others(Transaction& txn, const model::Server& server, const Need& need);
  bool make_room(Transaction& txn, const model::Server& server, bool may_ask, Error& why);
  bool close_oldest(const model::Server& server);
  void close_one(const model::Server& server, int to, uint64_t ticket);
  int who_else_has_idle(const model::Server& server) const;
  uint64_t await_answer(Transaction& txn);
  void give_away(const model::Server& server, const Need& need, int to, uint64_t ticket);
  void stop_asking();
  void receive(const model::Server& server, const Parcel& parcel, uint64_t ticket);
  void keep(http::H1Client& c);
  http::H1Client* find_idle(const model::Server& server, const Need& need);
  static uint64_t idle_key(const model::Server& server, const net::Conn* owner, uint64_t kind, bool proven);
  static Way way_of(Transaction& txn, const model::Server& server, const Forward& plan);
  static uint64_t kind_of(Transaction& txn, const model::Server& server, const Forward& plan, const Way& way,
                          bool& named);
  // `way`: null where it is the plain one.
  http::H1Client* open(Transaction& txn, const model::Server& server, const Forward& plan, const net::TlsTo& tls,
                       const Way* way, Error& why);

  Shard& shard_;
  const size_t known_;  // servers that were there at the start
  std::unique_ptr<Idle[]> idle_;  // by server
  std::vector<std::unique_ptr<Idle>> added_;  // of later ones
  KeyIndex<http::H1Client, http::IdleKey> by_key_;  // all idle connections
  std::unique_ptr<PoolIdle[]> pool_idle_;  // idle connections by pool, for `keepalive`
  std::vector<Ask> asked_;
  uint64_t tickets_ = 0;
  Patience patience_{*this};
  net::TlsSessions tls_sessions_;
  uint32_t owned_ = 0;  // idle connections with an owner
};

}  // namespace weir::proxy
