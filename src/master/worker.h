#pragma once
// The process that serves: its main thread is the control thread (signals, runtime socket), with a libuv loop of its
// own; each shard is a thread. Made after the sockets are there; `run` returns when all shards have ended.
#include <uv.h>

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "master/stalls.h"
#include "master/voice.h"
#include "model/model.h"
#include "proxy/heir.h"
#include "proxy/shard.h"

namespace weir::master {

class Worker {
 public:
  // `channel`: to the master, or -1. When the master goes away, the worker drains.
  Worker(model::Model& model, Voice& voice, int channel);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Starts the threads and waits until all of them listen. False after saying what is wrong; nothing runs then.
  bool start(const std::function<void()>& before_serving);
  // Serves until stopped. Signals are taken from here on.
  void run();

  // --- on the control thread, also for the runtime socket ---
  uv_loop_t* loop() { return &loop_; }
  const model::Model& model() const { return model_; }
  int shard_count() const { return static_cast<int>(seats_.size()); }
  // Runs `fn` on the thread of shard `index`; false when that shard has ended.
  bool post(int index, std::function<void(proxy::Shard&)> fn);
  void post_all(const std::function<void(proxy::Shard&)>& fn);
  // Stops accepting and ends when the last connection has; at once with `now`.
  void drain(bool now);
  bool draining() const { return draining_; }

  proxy::Crew crew;

  std::function<void()> on_reopen;  // logs are to be opened anew
  std::function<void()> on_drain;   // when draining begins
  std::function<void()> on_end;     // after the shards, before the loop is closed
  // On a shard's thread: it is about to serve; it serves no more.
  std::function<void(proxy::Shard&)> on_shard, on_shard_end;

 private:
  // Another worker at the other end of a socket pair: an older one that sends its idle connections, or a newer one that is
  // about to tell which it takes.
  struct Relative {
    uv_poll_t poll;
    int channel = -1;
    Worker* worker = nullptr;
    bool ancestor = false;
  };
  // One shard's thread. `shard` is null before it is made and after it ended; `lock` guards it.
  struct Seat {
    std::thread thread;
    std::mutex lock;
    proxy::Shard* shard = nullptr;
  };
  static constexpr int kSignals[] = {15, 2, 3, 10, 1, 28, 12};  // TERM INT QUIT USR1 HUP WINCH USR2

  void serve(int index);
  void choose_cpus(int index);
  void shard_ended();
  void release_listeners(bool datagrams_only);
  void accept_last();
  void expect_the_last();
  void start_bound();
  void take_signals();
  void watch_master();
  void on_master();
  Relative& watch(int channel, uv_poll_cb on_readable);
  void await_heir(int channel);
  void take_heir(Relative& heir, bool told);
  void meet_ancestor(int channel);
  void on_ancestor(Relative& ancestor);
  void look_again();
  void ancestor_ended(Relative& ancestor);
  void bound_reached();
  void leave_ancestor(Relative& ancestor);
  void obey(int signal);
  void end_late();
  void quit();
  void tell_state();
  void tell_leaving();
  void close_handles();

  model::Model& model_;
  Voice& voice_;
  int channel_;
  uv_loop_t loop_;
  uv_async_t ended_;
  uv_timer_t deadline_;
  uv_timer_t grace_;
  uv_timer_t patience_;  // with an heir that does not tell
  uv_timer_t bound_;  // of what is waited for after draining has begun: ancestors, or last requests
  uv_poll_t master_;
  uv_signal_t signals_[std::size(kSignals)];
  std::vector<std::unique_ptr<Seat>> seats_;
  std::unique_ptr<Stalls> stalls_;
  std::mutex lock_;
  std::condition_variable changed_;
  int ready_ = 0;
  int over_ = 0;
  std::string problem_;
  bool go_ = false;
  bool draining_ = false;
  std::shared_ptr<proxy::Heir> heir_;
  std::vector<std::unique_ptr<Relative>> relatives_;
  Relative* awaited_ = nullptr;  // the newest of those that have not told yet
  std::unordered_map<uint64_t, const model::Listener*> listeners_;  // by identity
  size_t next_shard_ = 0;  // for what arrives
};

// Keeps the signals that worker and master handle from arriving before somebody listens; for both after a fork.
void block_signals();
void unblock_signals();

}  // namespace weir::master
