#pragma once
// The master's command line, HAProxy's -S (management.txt 9.4): its sockets, its sessions and what it knows of the workers.
// Commands for a worker travel to it as a connection over a socket pair; the worker's runtime socket code serves them
// (control::SocketConf::pair). Made by the Master where sockets were asked for, and lives as long as it; everything happens
// on the master's poll loop.
#include <poll.h>
#include <sys/types.h>
#include <time.h>

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "control/control.h"
#include "net/descriptor.h"

namespace weir::master {

class CliSession;

// What the command line asks of the master. All functions come back before anything has changed.
struct CliAccess {
  std::function<void(bool hard)> reload;  // hard: connections of the old worker are cut
  std::function<bool()> reloading;  // or starting
  std::function<std::string()> startup_log;
  Str version;
};

// A worker as operators see it.
struct WorkerView {
  pid_t pid = -1;
  int line = -1;  // the master's end of the pair
  int far_end = -1;  // the number of the worker's end, there
  time_t since = 0;
  uint32_t reloads = 0;  // since it was started, failed ones included
  bool ready = false;
  bool leaving = false;
  std::string version;
};

class Cli {
 public:
  // The sockets are bound and non-blocking; they belong to the Cli from here on.
  Cli(std::vector<control::SocketConf> sockets, CliAccess access);
  ~Cli();
  Cli(const Cli&) = delete;
  Cli& operator=(const Cli&) = delete;

  // --- what the master tells ---
  // In front of a fork: makes the pair and returns the worker's end, or -1.
  int before_fork();
  // Behind it: in the master; `pid` is negative when it failed.
  void forked(pid_t pid);
  // Behind it: in the worker, which keeps its own end only.
  void leave_to_master();
  void reloading();  // a reload was asked for, whoever did
  // `reload`: with that the reload has succeeded, or failed.
  void ready(pid_t pid, bool reload);
  void ended(pid_t pid, bool reload);
  // Opens the sockets anew when somebody has removed one's path.
  void bind_again(const std::function<bool(std::vector<control::SocketConf>&)>& open);
  void reload_failed();  // before there was a worker
  // For a master that goes on with another program, everything but the access; see master/archive.h.
  template <class Archive>
  void fields(Archive& a);

  // --- the poll loop ---
  void watch(std::vector<pollfd>& fds) const;
  void on_events(std::span<const pollfd> fds);

  // --- for sessions ---
  const CliAccess& access() const { return access_; }
  std::span<const control::SocketConf> sockets() const { return sockets_; }
  const std::vector<WorkerView>& workers() const { return workers_; }
  const WorkerView* find(pid_t pid) const;
  // The one that serves; the youngest of those that do.
  const WorkerView* current() const;
  bool starting() const { return access_.reloading(); }
  // A reload for a session: its answer comes through CliSession::reload_ended.
  void reload(bool hard);
  uint32_t reloads() const { return reloads_; }
  uint32_t failures() const { return failures_; }  // since a reload last succeeded
  time_t since() const { return since_; }

 private:
  void accept_some(const control::SocketConf& socket);
  void answer_reloads(bool success);
  void remove_closed();

  std::vector<control::SocketConf> sockets_;
  CliAccess access_;
  std::vector<WorkerView> workers_;
  std::vector<std::unique_ptr<CliSession>> sessions_;
  net::SpareDescriptor spare_;
  int pair_[2] = {-1, -1};  // between before_fork and forked
  uint32_t reloads_ = 0;
  uint32_t failures_ = 0;
  time_t since_ = time(nullptr);
};

}  // namespace weir::master
