#pragma once
// A `peers` section at run time: keeps a connection to each peer, tells it what changes in the shared tables and brings in what it
// tells (HAProxy's peers protocol). All of it lives on the first shard. One worker of the machine speaks as the local peer: the
// one that serves last; the one before it closes its connections as soon as it sees that. Tables lie in shared memory, so nothing
// needs to be taught from one worker to the next. A process that leaves with its master, or has none (haproxy -sf), teaches
// whoever answers at the local peer's address then, and tells it of changes until its own last connection has ended.
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/addr.h"
#include "proxy/service.h"
#include "proxy/shard.h"
#include "sticky/peer_wire.h"

struct ssl_ctx_st;

namespace weir::sticky {

class PeerLink;

struct PeerConf {
  Str name;
  net::Addr addr;
  bool local = false;  // this machine: a process that follows this one has it
  uint32_t shard = 0;  // it gets the keys of that one only; 0: all
  ssl_ctx_st* tls = nullptr;
  Str sni;
};

struct Speaker;  // in shared memory

struct PeersConf {
  Str name;
  Str local;  // as whom it speaks
  std::vector<PeerConf> peers;
  std::vector<const StickTable*> tables;
  uint32_t shards = 0;  // that keys are spread over; 0: none
  std::function<void(Str line)> log;
};

// How far a peer is with a table, over the lives of connections and workers.
struct PeerPosition {
  std::atomic<uint64_t> known{0};  // life of the table's news << 32 | the change that it has acknowledged
  void forget(int) {}
};

// One table towards one peer.
struct PeerShare {
  const StickTable* table;
  uint32_t id;  // as we call it
  PeerPosition* position;
  uint32_t at = 0;  // the latest change that it was told
  bool walking = false;  // through all entries, of which `walk` is next
  uint32_t walk = 0;
  uint64_t unfinished_ms = 0;  // since when a change is only half written
  // What it says about its own table of that name.
  bool defined = false;
  PeerDefinition remote;
  uint32_t number = 0;  // of the latest update from there
  uint32_t got = 0, acknowledged = 0;  // the latest one outside lessons

  uint32_t known() const { return static_cast<uint32_t>(position->known.load()); }
  void set_known(uint32_t change) { position->known.store(uint64_t{table->news->life()} << 32 | change); }
};

struct Peer {
  const PeerConf* conf;
  std::vector<PeerShare> shares;
  PeerLink* link = nullptr;
  uint64_t connect_at = 0;  // not before
  bool old = false;  // it refused the newer version
  bool not_up_to_date = false;  // it has said so
  uint16_t status = 0;  // of the last handshake
  uint64_t shaken_ms = 0;  // when that was; 0: never
  uint32_t sent_heartbeats = 0, got_heartbeats = 0, silences = 0, connections = 0, mistakes = 0, collisions = 0;
};

class Peers final : public proxy::Service, public proxy::Taker, public TableNews::Listener {
 public:
  // While the configuration is read: what is known of the peers lies in shared memory. Throws std::system_error without any.
  explicit Peers(const PeersConf& conf);

  void start(proxy::Shard& shard) override;
  void drain() override;
  bool done() override;
  void end() override;
  void take(proxy::Shard& shard, const model::Listener& listener, int fd, const net::Addr& peer) override;
  void news() override;

  // Those that run in this process. On the first shard's thread.
  static const std::vector<Peers*>& running();
  // What `show peers` says about this section.
  std::string describe(bool texts) const;

  // --- for links ---
  const PeersConf& conf() const { return conf_; }
  proxy::Shard& shard() { return *shard_; }
  // Whether our connection to the peer of that name, which has our greeting, is better than the one that it has opened: the side
  // whose name comes first keeps its own.
  bool prefers_own(Str name) const;
  // A peer that has said who it is: has the link from here on, in place of one that it had. Null: it is nobody's.
  Peer* arrived(PeerLink& link, Str name);
  // The handshake is over.
  void opened(PeerLink& link);
  // It is no peer's any more, and will be destroyed.
  void gone(PeerLink& link);
  void destroyed(PeerLink& link) { std::erase(links_, &link); }
  // A line in the log; the same one not again within some seconds.
  void complain(const Peer* peer, const net::Addr& addr, Str why);
  // Whether the peer is to teach us now; asked when there is something to write.
  bool is_teacher(const Peer& peer) const { return teacher_ == &peer; }
  // The teacher is through, or says that it does not know all.
  void taught(Peer& peer, bool all);
  bool up_to_date() const { return learned_; }
  // It has confirmed our lesson.
  void has_learned(const Peer& peer);

 private:
  struct Tick final : Timer {
    explicit Tick(Peers& p) : peers(p) {}
    void on_timer() override { peers.tick(); }
    Peers& peers;
  };
  struct Flush final : Timer {
    explicit Flush(Peers& p) : peers(p) {}
    void on_timer() override { peers.flush(); }
    Peers& peers;
  };
  void tick();
  void flush();
  void count() const;
  bool may_connect(uint64_t now) const;
  void give_over();
  void tend_heir();
  void connect(Peer& peer);
  void choose_teacher();
  void set_learned();
  void accept(const model::Listener& listener, int fd, const net::Addr& peer);

  const PeersConf& conf_;
  proxy::Shard* shard_ = nullptr;
  std::atomic<proxy::Shard*> posts_to_{nullptr};
  std::vector<std::unique_ptr<Peer>> peers_;
  std::vector<PeerLink*> links_;  // those of peers, and those whose peer is not known yet
  Tick tick_{*this};
  Flush flush_{*this};
  Speaker* speaker_;
  bool over_ = false;  // another worker speaks
  Peer* heir_ = nullptr;  // the local one, while it may be the process that follows this one
  uint64_t heir_until_ = 0;  // until then it must have answered
  bool heir_knows_ = false;
  uint64_t began_ms_ = 0;
  bool learned_ = false;
  uint64_t learn_until_ = 0;  // after that nobody is asked any more
  Peer* teacher_ = nullptr;
  std::string complaint_;  // the last one in the log
  uint64_t complained_ms_ = 0;
};

}  // namespace weir::sticky
