// See master/start.h.
#include "master/start.h"

#include <errno.h>
#include <fmt/format.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "balance/balancer.h"
#include "base/poison.h"
#include "base/records_turn.h"
#include "lua/program.h"
#include "lua/watch.h"
#include "master/background.h"
#include "master/daemon.h"
#include "master/master.h"
#include "master/privileges.h"
#include "master/systemd.h"
#include "master/worker.h"
#include "model/begin.h"

namespace weir::master {
namespace {

// Without a master the process that serves talks to the service manager.
void speak_for_itself(Worker& worker, Watchdog& watchdog) {
  worker.on_drain = [before = std::move(worker.on_drain)] {
    notify_systemd("STOPPING=1\nSTATUS=Stopping.\n");
    if (before) before();
  };
  watchdog.watch(worker, [] { notify_systemd("WATCHDOG=1"); });
}

void send_alive(int channel) {
  Packet packet;
  packet.type = Message::alive;
  send_packet(channel, packet);
}

int run_alone(Job& job, tools::Loaded& loaded, Daemon& daemon) {
  Voice& voice = *job.voice;
  OwnOpener opener(job.open);
  model::Model& model = *loaded.model;
  std::string pid_file = pid_file_path(job, model.process.pid_file);
  Stages stages;
  stages.bound = [&] {
    if (!pid_file.empty() && !write_pid_file(pid_file)) {
      voice.say(Level::emerg, fmt::format("open() \"{}\" failed ({}: {})", pid_file, errno, strerror(errno)));
      pid_file.clear();
      return false;
    }
    if (job.settle_old_sockets) job.settle_old_sockets();
    for (pid_t pid : job.old_pids) kill(pid, job.old_signal);
    return true;
  };
  stages.ready = [&](bool) {
    daemon.ready(!job.keep_output);
    notify_systemd(fmt::format("READY=1\nMAINPID={}\nSTATUS=Ready.\n", getpid()));
    return true;
  };
  int code = serve(job, model, opener, -1, stages);
  remove_paths(model, voice.face());
  // HAProxy leaves its pid file where it is.
  if (!pid_file.empty() && voice.face() != config::Dialect::haproxy) unlink(pid_file.c_str());
  leave(loaded);
  return code;
}

}  // namespace

void leave(tools::Loaded& loaded) {
  if (lua::Program* scripts = lua::Program::find(*loaded.model)) scripts->close();
  if (kFindsLeaks) {
    loaded = {};
    return;
  }
  [[maybe_unused]] static auto* left = new tools::Loaded(std::move(loaded));  // nobody destroys it
}

tools::Loaded load_and_show(Job& job) {
  tools::Loaded loaded = tools::load(job.request);
  if (job.heed) job.heed(loaded);
  job.voice->show(*loaded.diag, job.request.options.allow_planned);
  return loaded;
}

std::string pid_file_path(const Job& job, const std::string& configured) {
  return job.pid_file.empty() ? configured : job.pid_file;
}

int serve(Job& job, model::Model& model, Opener& opener, int channel, const Stages& stages) {
  Voice& voice = *job.voice;
  block_signals();
  set_limits(model, voice);
  if (!open_listeners(model, opener, voice, job.old_pids)) return 1;
  SettlingTurn turn;
  if (turn.late()) {
    voice.say(Level::notice, "a configuration that was read later serves: this process is not needed");
    return 0;
  }
  Watchdog watchdog(channel < 0 ? getpid() : job.supervisor);
  lua::Watch scripts;
  Worker worker(model, voice, channel);
  worker.on_reopen = job.reopen_logs;
  if (job.before_threads && !job.before_threads(worker)) return 1;
  if (stages.bound && !stages.bound()) return 1;
  if (!hold_own_records()) {
    voice.say(Level::alert, "what is known of the servers has been given to others while this process waited");
    return 1;
  }
  const auto fresh = model::begin_servers(model);
  if (job.begun) job.begun(model, fresh);
  model::prepare_pools(model);
  if (stages.prepared) stages.prepared();
  set_priority(model.process, voice);
  // nginx changes its user only when a master starts a worker.
  bool keep_user = channel < 0 && voice.face() == config::Dialect::nginx;
  if (!keep_user && !drop_privileges(model.process, voice)) return 1;
  bool again = false;
  auto settle = [&] {
    again = turn.again();
    model.settle();
    model::prepare_pools(model);
    if (job.settled) job.settled(again);
    turn.settled();
  };
  if (!worker.start(settle)) return 1;
  if (channel < 0) speak_for_itself(worker, watchdog);
  if (channel >= 0) watchdog.watch(worker, [channel] { send_alive(channel); });
  scripts.start(worker.loop(), model, [&voice](const std::string& text) { voice.say(Level::alert, text); });
  bool good = stages.ready(again);
  if (!good) worker.drain(true);
  voice.started();
  worker.run();
  if (channel >= 0) Background::for_good();
  return good ? 0 : 1;
}

void use_old_sockets(Job& job, std::shared_ptr<OldSockets> old, bool reuseport) {
  job.open = [old, reuseport](Wish wish) {
    wish.reuseport &= reuseport;
    return old->open(wish);
  };
  job.settle_old_sockets = [old] { old->settle(); };
  job.drop_old_sockets = [old] { old->drop(); };
}

bool use_heritage(Job& job, const Heritage& heritage) {
  job.link = heritage.link;
  if (heritage.sockets.empty()) return false;
  auto old = std::make_shared<OldSockets>();
  old->add(heritage.sockets);
  use_old_sockets(job, std::move(old));
  return true;
}

int run(Job& job, tools::Loaded loaded) {
  const model::Process& process = loaded.model->process;
  Daemon daemon;
  bool with_master = job.master.value_or(process.master);
  if (job.daemon.value_or(process.daemon) && !daemon.detach()) {
    job.voice->say(Level::emerg, fmt::format("fork() failed ({}: {})", errno, strerror(errno)));
    return 1;
  }
  if (!with_master) return run_alone(job, loaded, daemon);
  Master master(job, daemon);
  return master.run(std::move(loaded));
}

}  // namespace weir::master
