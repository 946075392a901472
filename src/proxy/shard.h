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
#include "proxy/upstreams.h"

namespace weir::proxy {

class Acceptor;
class Transaction;
struct LiveLink : Link {};

class Shard final : public http::ServerHooks {
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
  // Stops accepting, lets what runs finish, then leaves the loop; at once with `now`. On this shard's thread.
  void drain(bool now);
  // In front of it, when the listening sockets are to be closed: takes what is queued there and would be reset.
  void accept_last();
  bool draining() const { return draining_; }
  // Stops taking connections from this listener, or takes them again. On this shard's thread.
  void accept_from(const model::Listener& listener, bool on);

  // Something that concerns no request went wrong at a listener: a line in the process's log.
  void complain(const model::Listener& listener, int sys, Str text) const;

  // A connection was accepted: makes its session. The descriptor is non-blocking.
  void accepted(const model::Listener& listener, int fd, const net::Addr& peer);
  uint64_t connections() const { return connections_; }
  // Whether the process has as many connections as it may have.
  bool full() const;
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
  bool quiet_timeout(http::H1Server& s, bool silent) override;
  void timed_out(http::H1Server& s) override;
  bool screen(http::H1Server& s, const Segment& rules) override;
  void preface_failed(http::H1Server& s, Refusal why, Str text, Str detail) override;
  void idle(http::H1Server& s) override;
  void busy(http::H1Server& s) override;
  void closed(http::H1Server& s) override;
  void out_of_memory(http::H1Server& s) override;
  bool may_keep_alive() override { return !draining_; }

  static Shard& current() { return *t_current; }

 private:
  void acceptors_go_on();
  void check_drained();
  void end_everything();
  static thread_local Shard* t_current;
  std::vector<std::unique_ptr<Acceptor>> acceptors_;
  uv_async_t wake_;
  std::mutex posted_lock_;
  std::vector<std::function<void()>> posted_;
  List<http::H1Server, http::IdleLink> idle_;
  bool draining_ = false;
  uint64_t connections_ = 0;
  uint64_t ids_ = 0;
};

}  // namespace weir::proxy
