#pragma once
// The supervising process: handles no traffic, keeps the listening sockets and its workers. Made by master::run where
// the product has a master; lives as long as the process.
#include <sys/resource.h>
#include <unistd.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "master/cli.h"
#include "master/daemon.h"
#include "master/sockets.h"
#include "master/standby.h"
#include "master/start.h"
#include "master/systemd.h"

namespace weir::master {

class Master {
 public:
  Master(Job& job, Daemon& daemon);
  int run(tools::Loaded first);
  // Goes on where the program left off that was in this process before, and reloads; see master/replacement.h. False: what it left
  // is not understood.
  bool restore(Str testament);
  int resume();

 private:
  static constexpr uint64_t kPatienceMs = 5000;
  static constexpr uint64_t kFreeMs = 1500;  // in which workers without connections have left
  static constexpr const char* kOldSuffix = ".oldbin";  // of the pid file while the new program has its name

  struct Child {
    pid_t pid = -1;
    int slot = 0;  // which cells it counts in
    int channel = -1;
    bool ready = false;
    bool revived = false;  // was a standby
    bool leaving = false;  // was told to drain
    bool told_of_overlap = false;
    bool reopens = false;  // its logs, once it has said which they are
    bool ending = false;  // and then to end at once
    uint64_t kill_at_ms = 0;  // and then is killed; 0: not yet
    uint32_t reloads = 0;  // since it serves
    uint64_t alive_ms = 0;  // when its shards last answered, as far as that is asked for
    Standbys standbys;  // wait to take its place
    std::vector<std::string> keys;  // of the sockets that it got
    std::vector<Wish> wishes;  // about those that were there; until it is ready
    std::vector<std::string> logs;  // files that it writes
    std::vector<std::string> zones;  // keys of the shared memory that it uses
    uid_t user = 0;  // as whom it runs
    uint32_t generation = 0;  // the later its configuration was asked for the greater
    bool reading = true;  // the file; it has not said anything yet
    uint64_t since_ms = 0;  // it was started
    uint64_t told_ms = 0;  // it was told to drain and has not begun; 0: it was not, or has
    bool hung = false;  // for so long that it has been said
  };
  struct Kept {
    int fd = -1;
    std::string path;  // to be removed at the end, or empty
  };

  // What a program leaves that belongs to the process rather than to the Master.
  struct Estate {
    struct Zone {
      std::string name;
      uint64_t layout = 0, size = 0;
      int fd = -1;
    };
    std::vector<Zone> zones;
    std::string said;  // since the reload began
    std::vector<int> descriptors;  // all of them
  };
  template <class Archive>
  void fields(Archive& a, Estate& estate);

  static uint64_t now_ms();
  static std::string how_it_ended(int status);
  void prepare();
  void open_command_line(std::vector<control::SocketConf> sockets);
  int supervise();
  void spawn(tools::Loaded* loaded);
  void end_oldest();
  [[noreturn]] void be_worker(int channel, tools::Loaded* loaded);
  void wait_for_events();
  void on_signals();
  void on_message(Child& child);
  void on_ready(Child& child, const Packet& packet);
  // master/order.cc: which of several workers counts
  const Child* later_than(const Child& child) const;
  void comes_too_late(Child& child, const Child& later);
  void kill_reading();
  void stand_in(Child& child, const Child& place);
  Child* next();
  void replace_overdue();
  void put_off_reload();
  void watch_for_hung();
  std::vector<Child>::iterator to_be_ended();
  void place_found() { full_since_ms_ = 0, full_said_ = false; }
  void give_socket(Child& child, const Wish& wish);
  void adjust_sockets(Child& child);
  void tell_overlap(const Wish& wish);
  bool introduce(Child& old, int heir);
  bool tell_last(const Child& child);
  void change_program();
  void program_ended(int status);
  void on_link();
  void on_successor();
  void leave_successor();
  void welcome(Child* heir);
  void retire_workers();
  void send_away();
  void rename_pid_file(bool back);
  void take_zone(Child& child, const Packet& packet, int fd);
  void drop_zones();
  bool shares_sockets() const { return successor_ > 0 || link_ >= 0; }  // with another program
  void drop_unused();
  bool wanted(const std::string& key) const;
  void close_sockets();
  void follow_pid_file(const std::string& path);
  void worker_leaves(Child& child);
  void on_child_ends();
  void child_ended(Child child, int status);
  void add_child(pid_t pid, int channel, int slot);
  void start_again(Child& died);
  void respawn();
  void on_standby(int channel);
  void ask_for_spare();
  Child take_place(Child& child);
  void reload(bool hard = false);
  void stop(Order order, int signal);
  void tell(Order order);
  void reopen_logs();
  void renew_logs(const Child& child);
  void renew_log(const std::string& path, uid_t user);
  void kill_late();
  Child* current();
  bool starting() const;
  bool reloading() { return next() || rehearsal_ > 0; }
  void reload_failed(const std::string& why);
  void rehearse();
  void rehearsed();
  void give_way();
  int finish();

  Job& job_;
  Daemon& daemon_;
  Voice& voice_;
  std::vector<Child> children_;
  std::map<std::string, Kept> sockets_;
  std::string pid_file_;
  int signals_ = -1;
  int link_ = -1;  // to the master of the older program
  int successor_link_ = -1;  // to the one of the newer
  std::vector<int> arriving_;  // channels to workers of the newer, for one of ours that is about to serve
  pid_t successor_ = -1;
  bool inherited_ = false;  // it took over from an older program
  bool retired_ = false;  // its workers have been sent away
  bool stopping_ = false;
  bool served_ = false;  // one worker has been ready
  std::unique_ptr<Cli> cli_;  // null: not asked for
  pid_t rehearsal_ = -1;  // the new program tries whether it could go on here; 0: it has ended
  int rehearsal_status_ = 0;
  int rehearsal_words_ = -1;  // what it said
  Estate estate_;  // between restore and resume
  bool cut_old_ = false;  // by a reload: connections of the old worker do not end in peace
  bool reload_wanted_ = false;  // came while another was under way
  uint32_t generation_ = 0;  // of the configuration that was asked for last
  uint64_t overdue_at_ms_ = 0;  // when a reload that was put off waits no longer; 0: none does
  uint64_t patience_ms_ = kPatienceMs;  // with one that reads its file while another reload waits
  uint64_t hung_at_ms_ = 0;  // when to look for workers that were told to drain and do not; 0: not
  uint64_t full_since_ms_ = 0;  // a worker has waited for a place; 0: none does
  bool full_said_ = false;
  int exit_code_ = 0;
  rlimit descriptors_{};  // as this program was started with them
  uint64_t respawn_at_ms_ = 0;  // 0: not
  uint64_t spare_at_ms_ = 0;  // when the worker that serves should have two standbys; 0: nothing to do
  Child dead_;  // the one whose place is free, or was given up for a while; its standby is what counts
  uint64_t kill_at_ms_ = 0;
  uint32_t back_off_ms_ = 0;
  Watchdog watchdog_{getpid()};
};

}  // namespace weir::master
