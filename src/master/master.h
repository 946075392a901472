#pragma once
// The supervising process: handles no traffic, keeps the listening sockets and its workers. Made by master::run where
// the product has a master; lives as long as the process.
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "master/cli.h"
#include "master/daemon.h"
#include "master/sockets.h"
#include "master/start.h"
#include "master/systemd.h"

namespace weir::master {

class Master {
 public:
  Master(Job& job, Daemon& daemon);
  int run(tools::Loaded first);

 private:
  struct Child {
    pid_t pid = -1;
    int channel = -1;
    bool ready = false;
    bool leaving = false;  // was told to drain
    uint64_t started_ms = 0;
    std::vector<std::string> keys;  // of the sockets that it got
    std::vector<std::string> logs;  // files that it writes
    uid_t user = 0;  // as whom it runs
  };
  struct Kept {
    int fd = -1;
    std::string path;  // to be removed at the end, or empty
  };

  void spawn(tools::Loaded* loaded);
  [[noreturn]] void be_worker(int channel, tools::Loaded* loaded);
  void wait_for_events();
  void on_signals();
  void on_message(Child& child);
  void on_ready(Child& child, const Packet& packet);
  void give_socket(Child& child, const Wish& wish);
  void drop_unused(const Child& child);
  void on_child_ends();
  void child_ended(Child child, int status);
  void start_again(const Child& died);
  void reload(bool hard = false);
  void stop(Order order, int signal);
  void tell(Order order);
  void reopen_logs();
  void renew_log(const std::string& path, uid_t user);
  void kill_late();
  Child* current();
  bool starting() const;
  int finish();

  Job& job_;
  Daemon& daemon_;
  Voice& voice_;
  std::vector<Child> children_;
  std::map<std::string, Kept> sockets_;
  std::string pid_file_;
  int signals_ = -1;
  bool stopping_ = false;
  bool served_ = false;  // one worker has been ready
  std::unique_ptr<Cli> cli_;  // null: not asked for
  bool cut_old_ = false;  // by a reload: connections of the old worker do not end in peace
  bool reload_wanted_ = false;  // came while another was under way
  int exit_code_ = 0;
  uint64_t respawn_at_ms_ = 0;  // 0: not
  uint64_t kill_at_ms_ = 0;
  uint32_t back_off_ms_ = 0;
  Watchdog watchdog_;
};

}  // namespace weir::master
