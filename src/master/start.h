#pragma once
// Starting. `run` is what every face calls once its command line is understood and the configuration was read: it goes
// into the background when asked, serves in this process or supervises workers, and returns the exit code.
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/control.h"
#include "master/old_sockets.h"
#include "master/sockets.h"
#include "master/upgrade.h"
#include "master/voice.h"
#include "tools/load.h"

namespace weir::master {

class Program;
class Worker;

struct Job {
  Voice* voice = nullptr;
  char** argv = nullptr;            // of this program, to start it anew
  Program* program = nullptr;       // that a reload takes when it was replaced; null: it does not
  int link = -1;                    // to the master of an older program; master/upgrade.h
  tools::LoadRequest request;       // how to read the configuration, now and at each reload
  // What was read tells how this process speaks, before anything is said about it.
  std::function<void(const tools::Loaded&)> heed;
  std::optional<bool> daemon;  // the command line's word; else the configuration's
  std::optional<bool> master;
  std::string pid_file;  // likewise
  std::vector<pid_t> old_pids;  // told to go when this one serves (HAProxy -sf, -st)
  int old_signal = 0;
  std::function<Opened(const Wish&)> open = open_socket;  // of listening sockets; those of an old process come first
  std::function<void()> settle_old_sockets;  // this process serves with those that it asked for, and drops the others
  std::function<void()> drop_old_sockets;  // which nobody asked for
  std::vector<control::SocketConf> cli_sockets;  // the master's command line
  std::function<bool(std::vector<control::SocketConf>&)> open_command_line;  // anew; false, having said why
  int command_line = -1;  // in a worker: where the master's commands come in; set by the master
  pid_t supervisor = -1;  // in a worker: its master
  bool keep_output = false;  // a daemon that does not give up stderr
  std::function<void()> reopen_logs;  // in the worker, and before it in the master
  std::function<void()> close_logs;  // until reopen_logs is called
  std::function<std::vector<std::string>()> log_paths;  // the files concerned, for the master, which may create them
  // In the process that will serve: servers of which shared memory knew nothing have begun as configured.
  std::function<void(model::Model&, const std::vector<const model::Server*>& fresh)> begun;
  // Just before its shards serve, when servers' records are in line with the configuration. `again`: they were already, with this
  // very one, which a worker that has died served.
  std::function<void(bool again)> settled;
  // In the process that will serve, before privileges are dropped: runtime sockets. False, having said why, ends it.
  std::function<bool(Worker&)> before_threads;
};

int run(Job& job, tools::Loaded loaded);

// At the end of a process that has served: its scripts end, and the rest stays for the system to take. To free it piece by piece
// takes processor time from who serves now.
void leave(tools::Loaded& loaded);

// These sockets are used for what opens sockets from here on. `reuseport`: SO_REUSEPORT where it is asked for.
void use_old_sockets(Job& job, std::shared_ptr<OldSockets> old, bool reuseport = true);
// What an old program left is used. True when there was one: then nobody waits for this one to go into the background.
bool use_heritage(Job& job, const Heritage& heritage);

// --- for the master ---
tools::Loaded load_and_show(Job& job);
std::string pid_file_path(const Job& job, const std::string& configured);
// What is done on the way; false ends it.
struct Stages {
  std::function<bool()> bound;  // all sockets are there, privileges too
  std::function<void()> prepared;  // privileges are to be given up and threads to start
  std::function<bool(bool again)> ready;  // all shards serve; `again` as in Job::settled
};
// Takes the sockets, gives up privileges, starts the shards and serves until told to end. Returns the exit code.
int serve(Job& job, model::Model& model, Opener& opener, int channel, const Stages& stages);

}  // namespace weir::master
