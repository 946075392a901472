#pragma once
// One thread of the worker: a loop, its listeners' acceptors, its idle server connections, its Lua state. Everything
// reachable from here is used by this thread only, except through `post`.
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "http/h1_server.h"
#include "model/model.h"
#include "net/loop.h"
#include "proxy/crew.h"
#include "proxy/queue.h"
#include "proxy/spread.h"
#include "proxy/upstreams.h"

namespace weir::net {
class Resolver;
struct ResolverOptions;
}  // namespace weir::net

namespace weir::proxy {

class Acceptor;
class ServerNames;
class Heir;
struct Arrival;
class Transaction;
struct LiveLink : Link {};

class Shard final : public http::ServerHooks {
  struct HandingOver final : Timer {
    explicit HandingOver(Shard& s) : shard(s) {}
    void on_timer() override { shard.hand_idle_over(); }
    Shard& shard;
  };
  struct Closing final : Timer {
    explicit Closing(Shard& s) : shard(s) {}
    void on_timer() override { shard.close_some_idle(); }
    Shard& shard;
  };

 public:
  Shard(const model::Model& model, int index, int count, Crew& crew);
  ~Shard();

  List<Transaction, LiveLink> live;  // all transactions, oldest first
  net::Loop loop;
  const model::Model& model;
  const int index;
  const int count;
  Crew& crew;
  Upstreams upstreams;
  Queue queue;
  void* lua = nullptr;  // lua::State of this shard, made by lua::attach

  // Listens on every listener of the model whose descriptor is there. Returns the problem, empty when there is none.
  std::string open_listeners();
  void run();  // until drained or stopped
  // Runs `fn` on this shard's thread. From any thread.
  void post(std::function<void()> fn);
  void run_posted();  // on this shard's thread; the loop calls it
  // Stops accepting, lets what runs finish, then leaves the loop; at once with `now`. Idle connections are closed, or
  // where there is an heir (null: none), go there. On this shard's thread.
  void drain(bool now, std::shared_ptr<Heir> heir);
  // In front of it, when the listening sockets are to be closed: takes what is queued there and would be reset.
  void accept_last();
  // Another process may have left connections in queues without waking anybody here.
  void look_again();
  bool draining() const { return draining_; }
  // A connection that an old worker had, with its passport. On this shard's thread.
  void arrive(const model::Listener& listener, const Arrival& arrival);
  // Leaves the loop if it drains, nothing runs any more and nobody sends connections.
  void check_drained();
  // Stops taking connections from this listener, or takes them again. On this shard's thread.
  void accept_from(const model::Listener& listener, bool on);

  // Something that concerns no request went wrong at a listener: a line in the process's log.
  void complain(const model::Listener& listener, int sys, Str text) const;

  // A connection was accepted: makes its session. The descriptor is non-blocking.
  void accepted(const model::Listener& listener, int fd, const net::Addr& peer);
  uint64_t connections() const { return connections_; }
  // Whether the process has as many connections as it may have.
  bool full() const;
  // Whether more of them stay in the backlog then (HAProxy), or are closed (nginx).
  bool waits_at_limit() const { return model.process.max_conns_waits || crew.limits.max_conns.load(kRelaxed); }
  // An operator changed how many there may be: what a limit had stopped goes on where it may.
  void limits_changed() { acceptors_go_on(); }
  // Takes a place for one more connection, where the process has a limit; an idle client may have to go for it (nginx).
  // False: there is none. place_free() gives it back.
  bool take_place();
  void place_free();
  // Runs `fn` on the threads of all other shards, or of one.
  void post_others(const std::function<void(Shard&)>& fn);
  bool post_to(int shard, std::function<void(Shard&)> fn) { return crew.post && crew.post(shard, std::move(fn)); }
  uint64_t next_id() { return ++ids_ * static_cast<uint64_t>(count) + static_cast<uint64_t>(index); }

  // --- http::ServerHooks ---
  http::Message* begin(http::H1Server& s) override;
  void request(http::H1Server& s) override;
  void reject(http::H1Server& s, const http::H1Error& error) override;
  void broken(http::H1Server& s, const http::BadBytes& bytes) override;
  bool ends_quietly(http::H1Server& s, bool silent) override;
  void headless(http::H1Server& s, Fault why) override;
  bool screen(http::H1Server& s, const Segment& rules) override;
  void preface_failed(http::H1Server& s, Refusal why, Str text, Str detail) override;
  void idle(http::H1Server& s) override;
  void busy(http::H1Server& s) override;
  void closed(http::H1Server& s) override;
  void out_of_memory(http::H1Server& s) override;
  bool may_keep_alive(const http::H1Server& s) override;

  static Shard& current() { return *t_current; }

  // The server has another name from now on, whose addresses it gets. On the first shard's thread.
  void rename_server(const model::Server& server, const std::string& host);
  // The way to a name server, made when it is first asked. On this shard's thread.
  net::Resolver& name_server(const net::Addr& server, const net::ResolverOptions& options);

  // What is kept of bytes that one side of an exchange should not have sent.
  stats::BrokenMessage message_of(const Transaction& txn, const http::BadBytes& bytes) const;

 private:
  static constexpr auto kRelaxed = std::memory_order_relaxed;
  uint64_t most_connections() const;
  void acceptors_go_on();
  void hand_idle_over();
  bool hand_over(http::H1Server& s);
  void close_some_idle();
  void end_everything();
  static thread_local Shard* t_current;
  std::vector<std::unique_ptr<Acceptor>> acceptors_;
  uv_async_t wake_;
  std::mutex posted_lock_;
  std::vector<std::function<void()>> posted_;
  List<http::H1Server, http::IdleLink> idle_;
  bool draining_ = false;
  std::shared_ptr<Heir> heir_;
  bool stays_promised_ = false;  // there was an heir: clients may count on one more answer
  HandingOver handing_over_;  // while the heir is busy
  Spread spread_;
  Closing closing_;  // while idle connections end one after the other
  uint64_t connections_ = 0;
  uint64_t ids_ = 0;
  struct NameServers;
  std::unique_ptr<ServerNames> server_names_;  // of the first shard; null: no server follows a name
  std::unique_ptr<NameServers> name_servers_;  // null: nobody was asked yet
};

}  // namespace weir::proxy
