// The supervising process of master/master.h. It handles no traffic and keeps no configuration: it forks a child that
// reads the file, hands it the sockets, and when that child is ready tells the old one to drain.
#include "master/master.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/clock.h"
#include "base/counter_zone.h"
#include "base/gauge.h"
#include "base/shared_records.h"
#include "base/shared_zone.h"
#include "master/background.h"
#include "master/program.h"
#include "master/replacement.h"
#include "master/standby.h"
#include "master/start.h"
#include "master/title.h"
#include "master/upgrade.h"
#include "master/worker.h"
#include "sticky/table.h"
#include "tools/version.h"

namespace weir::master {
namespace {

constexpr uint32_t kMaxBackOffMs = 5000;
constexpr uint32_t kFirstBackOffMs = 100;
constexpr uint64_t kRoomMs = 50;  // until a worker that was killed has made room for another one
constexpr uint64_t kKillAfterMs = 5000;  // a worker that does not end within it after TERM is killed

int exit_status(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : WIFSIGNALED(status) ? 128 + WTERMSIG(status) : 255;
}

// Tells the master which shared memory this worker uses; what is new goes along.
bool send_zones(int channel) {
  bool good = true;
  SharedZone::each([&](const SharedZone& zone) {
    if (!zone.used) return;
    Packet packet;
    packet.type = Message::zone;
    packet.layout = zone.layout;
    packet.size = zone.size;
    packet.set_path(zone.name);
    good &= send_packet(channel, packet, zone.inherited ? -1 : zone.fd);
  });
  return good;
}

// Takes back what the worker counted that has ended.
void slot_is_free(int slot) {
  CounterZone::worker_ended(slot);
  sticky::Table::worker_ended(slot);
  SharedRecords::worker_ended(slot);
}

// In nginx's words, for those who look for them in its log.
std::string signal_text(const signalfd_siginfo& info) {
  const int signal = static_cast<int>(info.ssi_signo);
  const char* follows = signal == SIGHUP                        ? ", reconfiguring"
                        : signal == SIGQUIT                     ? ", shutting down"
                        : signal == SIGTERM || signal == SIGINT ? ", exiting"
                        : signal == SIGUSR1                     ? ", reopening logs"
                        : signal == SIGUSR2                     ? ", changing binary"
                                                                : "";
  return fmt::format("signal {} (SIG{}) received from {}{}", signal, sigabbrev_np(signal), info.ssi_pid, follows);
}

int make_signal_fd() {
  block_signals();
  sigset_t set;
  sigemptyset(&set);
  for (int s : {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2, SIGWINCH, SIGCHLD}) sigaddset(&set, s);
  return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

}  // namespace

uint64_t Master::now_ms() {
  return clock_ms(CLOCK_MONOTONIC);
}

std::string Master::how_it_ended(int status) {
  if (WIFSIGNALED(status))
    return fmt::format("exited on signal {} ({})", WTERMSIG(status), strsignal(WTERMSIG(status)));
  return fmt::format("exited with code {}", WEXITSTATUS(status));
}

Master::Master(Job& job, Daemon& daemon) : job_(job), daemon_(daemon), voice_(*job.voice) {}

int Master::run(tools::Loaded first) {
  if (voice_.face() == config::Dialect::nginx) set_title(fmt::format("nginx: master process {}", command_line()));
  prepare();
  if (!job_.cli_sockets.empty()) open_command_line(std::move(job_.cli_sockets));
  spawn(&first);
  first = {};
  SharedRecords::leave();
  malloc_trim(0);  // workers would have to copy what is left of it
  return supervise();
}

void Master::prepare() {
  signals_ = make_signal_fd();
  // It has no descriptors of connections, but the sockets of every configuration.
  getrlimit(RLIMIT_NOFILE, &descriptors_);
  const rlimit most{descriptors_.rlim_max, descriptors_.rlim_max};
  setrlimit(RLIMIT_NOFILE, &most);
  prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);  // standbys become our children
  link_ = job_.link;
  inherited_ = link_ >= 0;
}

void Master::open_command_line(std::vector<control::SocketConf> sockets) {
  CliAccess access{[this](bool hard) { reload(hard); }, [this] { return reloading() || respawn_at_ms_ != 0; },
                   [this] { return voice_.startup_log.text(); },
                   voice_.face() == config::Dialect::haproxy ? kHaproxyVersion : kVersion};
  cli_ = std::make_unique<Cli>(std::move(sockets), std::move(access));
}

int Master::supervise() {
  while (!stopping_ || !children_.empty()) wait_for_events();
  return finish();
}

// Nobody but a worker that still serves accepts from them any more.
void Master::close_sockets() {
  for (auto& [key, kept] : sockets_) {
    if (kept.fd >= 0) close(kept.fd);
    kept.fd = -1;
  }
}

int Master::finish() {
  close_sockets();
  for (auto& [key, kept] : sockets_)
    if (!kept.path.empty() && !shares_sockets()) unlink(kept.path.c_str());
  // HAProxy leaves its pid file where it is, and so does who finds another one's in it.
  const std::string pid_file = pid_file_ + (successor_ > 0 ? kOldSuffix : "");
  if (served_ && !pid_file_.empty() && voice_.face() != config::Dialect::haproxy && read_pid_file(pid_file) == getpid())
    unlink(pid_file.c_str());
  voice_.say(Level::notice, fmt::format("all workers ended, leaving ({})", exit_code_));
  return exit_code_;
}

// So many generations drain that there is no room for one more.
void Master::end_oldest() {
  respawn_at_ms_ = now_ms() + kRoomMs;
  if (full_since_ms_ == 0) full_since_ms_ = now_ms();
  auto oldest = to_be_ended();
  if (oldest == children_.end()) {
    if (now_ms() >= full_since_ms_ + kFreeMs && !std::exchange(full_said_, true))
      voice_.say(Level::alert, fmt::format("{} workers live, none of them is ours to be ended: waiting", kWorkerSlots));
    return;
  }
  if (!oldest->ending) {
    oldest->ending = true;
    oldest->kill_at_ms = now_ms() + (oldest->told_ms != 0 ? 0 : kKillAfterMs);
    voice_.say(Level::alert,
               fmt::format("{} workers still live, ending the oldest one ({})", children_.size(), oldest->pid));
    kill(oldest->pid, voice_.signal_for(Order::stop));
  } else if (oldest->kill_at_ms <= now_ms()) {
    kill(oldest->pid, SIGKILL);
  }
}

void Master::spawn(tools::Loaded* loaded) {
  int slot = SharedRecords::claim_slot();
  if (slot < 0) return end_oldest();
  place_found();
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    voice_.say(Level::alert, fmt::format("socketpair() failed ({}: {})", errno, strerror(errno)));
    SharedRecords::worker_ended(slot);
    return;
  }
  if (cli_) job_.command_line = cli_->before_fork();
  pid_t pid = fork();
  if (pid == 0) {
    close(ends[0]);
    g_worker_slot = slot;
    be_worker(ends[1], loaded);
  }
  if (cli_) cli_->forked(pid);
  close(ends[1]);
  if (pid < 0) {
    voice_.say(Level::alert, fmt::format("fork() failed ({}: {})", errno, strerror(errno)));
    close(ends[0]);
    SharedRecords::worker_ended(slot);
    if (children_.empty()) respawn_at_ms_ = now_ms() + kFirstBackOffMs;
    return;
  }
  add_child(pid, ends[0], slot);
  children_.back().generation = ++generation_;
}

void Master::add_child(pid_t pid, int channel, int slot) {
  Child child;
  child.pid = pid;
  child.slot = slot;
  child.channel = channel;
  child.since_ms = now_ms();
  children_.push_back(child);
}

// In the child: everything of the master is let go, and the process starts as one without a master would.
void Master::be_worker(int channel, tools::Loaded* loaded) {
  if (voice_.face() == config::Dialect::nginx) set_title("nginx: worker process");
  job_.supervisor = getppid();
  close(signals_);
  setrlimit(RLIMIT_NOFILE, &descriptors_);
  for (int link : {link_, successor_link_, rehearsal_words_})
    if (link >= 0) close(link);
  welcome(nullptr);
  for (Child& c : children_) {
    if (c.channel >= 0) close(c.channel);
    c.standbys.drop();
  }
  dead_.standbys.drop();
  for (auto& [key, kept] : sockets_) close(kept.fd);
  if (cli_) cli_->leave_to_master();
  if (job_.drop_old_sockets) job_.drop_old_sockets();
  unsetenv("HAPROXY_MASTER_CLI");
  tools::Loaded own;
  std::optional<Background> background;  // while another one serves
  if (!loaded) {
    SharedZone::forget_use();
    background.emplace();
    own = load_and_show(job_);
    if (!own.good(job_.request.options.allow_planned)) _exit(1);
    loaded = &own;
  }
  auto wait = [this] {
    if (voice_.face() == config::Dialect::nginx) set_title("nginx: standby process");
    daemon_.let_go(!job_.keep_output);
    if (job_.command_line >= 0) close(job_.command_line);
    if (job_.close_logs) job_.close_logs();
  };
  channel = leave_standby(channel, wait, [this, &background](int command_line) {
    background.reset();
    job_.command_line = command_line;
    if (voice_.face() == config::Dialect::nginx) set_title("nginx: worker process");
    if (job_.reopen_logs) job_.reopen_logs();
  });
  MasterOpener opener(channel);
  Stages stages;
  stages.prepared = [&] { background.reset(); };
  stages.ready = [&](bool again) {
    Packet packet;
    packet.type = Message::log_file;
    for (const std::string& path : job_.log_paths ? job_.log_paths() : std::vector<std::string>()) {
      packet.set_path(path);
      if (!send_packet(channel, packet)) return false;
    }
    if (!send_zones(channel)) return false;
    packet = {};
    packet.type = Message::ready;
    packet.user = geteuid();
    packet.again = again;
    packet.max_reloads = loaded->model->process.max_reloads;
    packet.set_path(loaded->model->process.pid_file);
    if (daemon_.detached()) give_up_output(!job_.keep_output);
    return send_packet(channel, packet);
  };
  int code = serve(job_, *loaded->model, opener, channel, stages);
  leave(*loaded);
  exit(code);
}

void Master::wait_for_events() {
  std::vector<pollfd> fds{{signals_, POLLIN, 0}};
  std::vector<pid_t> pids;
  for (Child& c : children_) {
    if (c.channel >= 0) fds.push_back({c.channel, POLLIN, 0}), pids.push_back(c.pid);
  }
  const size_t standbys_at = fds.size();
  for (const Child& c : children_) c.standbys.watch(fds);
  dead_.standbys.watch(fds);
  size_t link_at = fds.size();
  if (link_ >= 0) fds.push_back({link_, POLLIN, 0});
  const size_t successor_at = fds.size();
  if (successor_link_ >= 0) fds.push_back({successor_link_, POLLIN, 0});
  size_t own = fds.size();
  if (cli_) cli_->watch(fds);
  uint64_t now = now_ms();
  int wait = -1;
  for (uint64_t at : {respawn_at_ms_, kill_at_ms_, spare_at_ms_, overdue_at_ms_, hung_at_ms_, watchdog_.next_ms()})
    if (at != 0) wait = std::min(wait < 0 ? INT32_MAX : wait, static_cast<int>(at > now ? at - now : 0));
  poll(fds.data(), fds.size(), wait);
  // First: whoever else has something to say may end standbys, and descriptors get new meanings.
  for (size_t i = standbys_at; i < link_at; i++)
    if (fds[i].revents != 0) on_standby(fds[i].fd);
  bool starting = false;  // what a worker says at its start comes before signals about it
  for (size_t i = 0; i < pids.size(); i++) {
    if (fds[i + 1].revents == 0) continue;
    auto it = std::find_if(children_.begin(), children_.end(), [&](const Child& c) { return c.pid == pids[i]; });
    if (it == children_.end()) continue;
    starting |= !it->ready;
    on_message(*it);
  }
  if (link_at < successor_at && fds[link_at].revents != 0) on_link();
  if (successor_at < own && fds[successor_at].revents != 0) on_successor();
  if (fds[0].revents != 0 && !starting) on_signals();
  now = now_ms();
  if (const Child* serving = current()) watchdog_.beat(now, serving->alive_ms);
  if (kill_at_ms_ != 0 && kill_at_ms_ <= now) kill_late();
  if (hung_at_ms_ != 0 && hung_at_ms_ <= now) watch_for_hung();
  if (overdue_at_ms_ != 0 && overdue_at_ms_ <= now) {
    overdue_at_ms_ = 0;
    if (std::exchange(reload_wanted_, false)) reload();
  }
  if (spare_at_ms_ != 0 && spare_at_ms_ <= now) ask_for_spare();
  if (respawn_at_ms_ != 0 && respawn_at_ms_ <= now && !stopping_) {
    respawn_at_ms_ = 0;
    respawn();
  }
  if (cli_) cli_->on_events(std::span(fds).subspan(own));
}

void Master::on_signals() {
  signalfd_siginfo info;
  while (read(signals_, &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    int signal = static_cast<int>(info.ssi_signo);
    if (signal == SIGCHLD) {
      on_child_ends();
      continue;
    }
    bool haproxy = voice_.face() == config::Dialect::haproxy;
    if (voice_.face() == config::Dialect::nginx) voice_.say(Level::notice, signal_text(info));
    if (signal == SIGHUP || (haproxy && signal == SIGUSR2)) {
      reload();
      continue;
    }
    if (signal == SIGUSR2) {
      change_program();
      continue;
    }
    if (signal == SIGWINCH) {
      // Of one that is not in the background it may be a terminal's, unless a program is being changed (ngx_process.c).
      if (haproxy || (!daemon_.was_detached() && successor_ < 0 && !inherited_))
        voice_.say_ignored(signal);
      else
        retire_workers();
      continue;
    }
    Order order = voice_.order(signal, false);
    if (order == Order::stop || order == Order::quit) stop(order, signal);
    if (order == Order::reopen) reopen_logs();
  }
}

// The worker may not be allowed to create files where the logs are: they are there, and its own, when it is told.
void Master::reopen_logs() {
  for (Child& c : children_) {
    c.reopens = !c.ready;
    renew_logs(c);
  }
  if (job_.reopen_logs) job_.reopen_logs();
  tell(Order::reopen);
}

void Master::renew_logs(const Child& child) {
  for (const std::string& path : child.logs) renew_log(path, child.user);
}

void Master::renew_log(const std::string& path, uid_t user) {
  int fd = open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  const char* call = fd < 0 ? "open" : nullptr;
  struct stat st{};
  if (!call && fstat(fd, &st) != 0) call = "fstat";
  if (!call && geteuid() == 0 && st.st_uid != user && fchown(fd, user, static_cast<gid_t>(-1)) != 0) call = "chown";
  constexpr mode_t kOwner = S_IRUSR | S_IWUSR;
  if (!call && geteuid() == 0 && (st.st_mode & kOwner) != kOwner && fchmod(fd, (st.st_mode & 07777) | kOwner) != 0)
    call = "chmod";
  if (call) voice_.say(Level::emerg, fmt::format("{}() \"{}\" failed ({}: {})", call, path, errno, strerror(errno)));
  if (fd >= 0) close(fd);
}

// Once a worker serves it has nothing more to ask for: its word would be that of whoever has broken into it.
void Master::on_message(Child& child) {
  Packet packet;
  int fd = -1;
  if (!receive_packet(child.channel, packet, fd)) {
    close(child.channel);
    child.channel = -1;  // its end is seen by SIGCHLD
    return;
  }
  child.reading = false;
  if (packet.type == Message::standby && !child.ready) {
    if (fd >= 0) child.standbys.add(packet.pid, fd);
    return;
  }
  if (packet.type == Message::zone && !child.ready) return take_zone(child, packet, fd);
  if (fd >= 0) close(fd);
  if (child.ready) {
    if (packet.type == Message::alive) child.alive_ms = now_ms();
    if (packet.type == Message::draining) child.told_ms = 0, child.hung = false;
    if (packet.type == Message::leaving) worker_leaves(child);
    return;
  }
  if (packet.type == Message::wish) give_socket(child, packet.wish);
  if (packet.type == Message::log_file) child.logs.emplace_back(packet.path);
  if (packet.type == Message::ready) on_ready(child, packet);
}

void Master::take_zone(Child& child, const Packet& packet, int fd) {
  SharedZone zone;
  zone.name = packet.path;
  zone.layout = packet.layout;
  zone.size = packet.size;
  child.zones.push_back(zone.key());
  if (fd >= 0 && !SharedZone::adopt(zone.name, zone.layout, zone.size, fd)) close(fd);
}

// What no worker uses any more. One that starts has not said yet what it found.
void Master::drop_zones() {
  if (starting()) return;
  SharedZone::drop([this](const SharedZone& zone) {
    return std::none_of(children_.begin(), children_.end(), [key = zone.key()](const Child& c) {
      return std::find(c.zones.begin(), c.zones.end(), key) != c.zones.end();
    });
  });
}

void Master::give_socket(Child& child, const Wish& wish) {
  std::string key = wish.key();
  Packet answer;
  answer.type = Message::opened;
  auto it = sockets_.find(key);
  if (it == sockets_.end()) {
    Opened opened = job_.open(wish);
    answer.error = opened.error;
    strncpy(answer.call, opened.call, sizeof answer.call - 1);
    if (opened.error == EADDRINUSE && !std::exchange(child.told_of_overlap, true)) tell_overlap(wish);
    if (opened.fd >= 0) {
      bool path = wish.family == AF_UNIX && !wish.abstract && !wish.replace_path;
      it = sockets_.emplace(key, Kept{opened.fd, path ? std::string(wish.path, wish.path_size) : std::string()}).first;
    }
  } else {
    child.wishes.push_back(wish);
  }
  if (it != sockets_.end()) child.keys.push_back(key);
  send_packet(child.channel, answer, it == sockets_.end() ? -1 : it->second.fd);
}

// The sockets are those of the workers before it as well, which go on with what they had if this one never serves. Who takes a
// dead one's place finds them as they have to be, and some of them silent: see stats/standing.h.
void Master::adjust_sockets(Child& child) {
  for (const Wish& wish : child.wishes)
    if (auto it = sockets_.find(wish.key()); it != sockets_.end()) adjust_socket(it->second.fd, wish);
}

// The new worker listens: the old ones drain, and sockets that nobody wants any more are closed.
void Master::on_ready(Child& child, const Packet& packet) {
  child.ready = true;
  child.alive_ms = now_ms();
  const bool serves = !stopping_ && !retired_ && !child.leaving;
  const Child* later = serves ? later_than(child) : nullptr;
  if (serves && !later && !packet.again) adjust_sockets(child);
  child.wishes.clear();
  if (voice_.face() == config::Dialect::nginx)
    voice_.say(Level::notice, fmt::format("start worker process {}", child.pid));
  child.user = packet.user;
  if (std::exchange(child.reopens, false)) {
    renew_logs(child);
    kill(child.pid, voice_.signal_for(Order::reopen));
  }
  if (!serves) return welcome(nullptr);
  if (later) return comes_too_late(child, *later);
  welcome(&child);
  const bool cut = cut_old_ && !child.revived;
  for (Child& old : children_) {
    if (old.pid == child.pid || !old.ready) continue;
    bool told = !cut && introduce(old, child.channel);
    if (!told && (cut || !old.leaving)) kill(old.pid, voice_.signal_for(cut ? Order::stop : Order::quit));
    if (!std::exchange(old.leaving, true)) old.told_ms = now_ms();
    old.standbys.drop();
    if (!child.revived && ++old.reloads > packet.max_reloads && !old.ending) {
      old.ending = true;
      voice_.say(Level::alert, fmt::format("worker {} has lived through {} reloads, ending it", old.pid, old.reloads));
      kill(old.pid, voice_.signal_for(Order::stop));
    }
  }
  if (hung_at_ms_ == 0) watch_for_hung();
  dead_.standbys.drop();
  drop_unused();
  drop_zones();
  if (child.revived) {
    voice_.say(Level::notice, fmt::format("worker {} serves again, with the configuration that runs", child.pid));
  } else if (!served_) {
    served_ = true;
    pid_file_ = pid_file_path(job_, packet.path);
    if (!pid_file_.empty() && !write_pid_file(pid_file_)) {
      voice_.say(Level::emerg, fmt::format("open() \"{}\" failed ({}: {})", pid_file_, errno, strerror(errno)));
      pid_file_.clear();
      exit_code_ = 1;
      stop(Order::stop, SIGTERM);
      return;
    }
    if (job_.settle_old_sockets) job_.settle_old_sockets();
    for (pid_t pid : job_.old_pids) kill(pid, job_.old_signal);
    if (voice_.face() != config::Dialect::nginx) voice_.say(Level::notice, "Loading success.");
    daemon_.ready(!job_.keep_output);
  } else {
    follow_pid_file(pid_file_path(job_, packet.path));
    voice_.say(Level::notice, fmt::format("worker {} serves the new configuration", child.pid));
    if (voice_.face() == config::Dialect::haproxy) voice_.say(Level::notice, "Loading success.");
  }
  if (cli_) cli_->ready(child.pid, !child.revived);
  if (child.revived && reloading()) return;
  patience_ms_ = kPatienceMs;
  voice_.started();
  spare_at_ms_ = now_ms();
  notify_systemd(fmt::format("READY=1\nMAINPID={}\nSTATUS=Ready.\n", getpid()));
  if (std::exchange(reload_wanted_, false)) reload();
}

// The configuration names another pid file than before.
void Master::follow_pid_file(const std::string& path) {
  if (path == pid_file_ || successor_ > 0) return;
  if (!path.empty() && !write_pid_file(path)) {
    voice_.say(Level::emerg, fmt::format("open() \"{}\" failed ({}: {})", path, errno, strerror(errno)));
    return;
  }
  if (!pid_file_.empty()) unlink(pid_file_.c_str());
  pid_file_ = path;
}

// By a worker that serves or is about to, or by the standby of one.
bool Master::wanted(const std::string& key) const {
  auto names = [&](const Child& c) { return std::find(c.keys.begin(), c.keys.end(), key) != c.keys.end(); };
  return (dead_.standbys.any() && names(dead_)) ||
         std::any_of(children_.begin(), children_.end(), [&](const Child& c) { return !c.leaving && names(c); });
}

void Master::drop_unused() {
  if (!current()) return;  // whoever serves next may want each of them
  for (auto it = sockets_.begin(); it != sockets_.end();) {
    if (wanted(it->first)) {
      ++it;
      continue;
    }
    close(it->second.fd);
    if (!it->second.path.empty() && !shares_sockets()) unlink(it->second.path.c_str());
    it = sockets_.erase(it);
  }
}

void Master::on_child_ends() {
  int status;
  for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
    if (pid == successor_) program_ended(status);
    if (pid == rehearsal_) {
      rehearsal_ = 0;
      rehearsal_status_ = status;
    }
    auto it = std::find_if(children_.begin(), children_.end(), [&](const Child& c) { return c.pid == pid; });
    if (it == children_.end()) continue;
    Child child = *it;
    children_.erase(it);
    slot_is_free(child.slot);
    if (child.channel >= 0) {
      // It may have become ready just before.
      Message next;
      while (!child.ready && child.channel >= 0 &&
             recv(child.channel, &next, sizeof next, MSG_DONTWAIT | MSG_PEEK) > 0) {
        if (next == Message::wish) break;  // the answer would find nobody
        child.ready = next == Message::ready;
        if (!child.ready) on_message(child);
      }
      if (child.channel >= 0) close(child.channel);
    }
    const bool failed = !child.ready && !child.revived && !child.leaving;
    child_ended(child, status);
    if (Child* serving = child.leaving ? current() : nullptr) {
      Packet packet;
      packet.type = Message::look_again;
      send_packet(serving->channel, packet, -1, MSG_DONTWAIT);
    }
    if (cli_) cli_->ended(pid, failed);
  }
  if (rehearsal_ == 0) rehearsed();
}

void Master::child_ended(Child child, int status) {
  std::string text = fmt::format("worker {} {}", child.pid, how_it_ended(status));
  if (stopping_ || child.leaving || retired_) {
    child.standbys.drop();
    voice_.say(Level::notice, "former " + text);
    return;
  }
  if (!child.ready) {
    child.standbys.drop();
    if (!served_) {
      exit_code_ = std::max(exit_status(status), 1);
      stopping_ = true;
      return;
    }
    if (child.revived && starting()) return voice_.say(Level::alert, text + " before it was ready");
    if (current() || starting()) return reload_failed(text + " before it was ready");
  }
  voice_.say(Level::alert, text + ", starting another one");
  start_again(child);
}

// Who reads that the old configuration stays finds nothing left of the new one.
void Master::reload_failed(const std::string& why) {
  drop_unused();
  voice_.say(Level::alert, why + ": the configuration that runs stays");
  notify_systemd("READY=1\nSTATUS=Reload failed!\n");
  voice_.started();
  if (!reload_wanted_) return;
  reload_wanted_ = false;
  reload();
}

void Master::start_again(Child& died) {
  if (died.ready) {
    dead_.standbys.drop();
    dead_ = died;
    // A configuration that is being read meanwhile takes its time, and may be none.
    if (starting() && !dead_.standbys.any()) return;
  }
  // One that has served is replaced at once, whatever it died of; one that cannot even start, with growing pauses.
  back_off_ms_ = died.ready ? 0 : std::min(std::max(back_off_ms_ * 2, kFirstBackOffMs), kMaxBackOffMs);
  if (back_off_ms_ == 0)
    respawn();
  else
    respawn_at_ms_ = now_ms() + back_off_ms_;
}

// Fills the place of the one that died: its standby does, or a new process that reads the file again.
void Master::respawn() {
  if (!dead_.standbys.any()) return spawn(nullptr);
  int slot = SharedRecords::claim_slot();
  if (slot < 0) return end_oldest();
  bool sent = dead_.standbys.revive(slot, cli_ ? cli_->before_fork() : -1);
  const Standbys::One first = dead_.standbys.first;
  if (cli_) cli_->forked(sent ? first.pid : -1);
  if (!sent) {
    SharedRecords::worker_ended(slot);
    dead_.standbys.lose(first.channel);
    return respawn();
  }
  place_found();
  add_child(first.pid, first.channel, slot);
  children_.back().standbys.first = dead_.standbys.spare;
  stand_in(children_.back(), dead_);
  dead_ = {};
}

// The workers that were sent away come back as they were, without a look at the file (nginx.org, control).
void Master::reload(bool hard) {
  if (stopping_) return;
  if (retired_) {
    retired_ = false;
    voice_.say(Level::notice, "starting the workers again");
    return respawn();
  }
  replace_overdue();
  if (reloading()) return put_off_reload();
  overdue_at_ms_ = 0;
  cut_old_ = hard;
  voice_.restart();
  voice_.say(Level::notice, hard ? "reloading the configuration, cutting connections" : "reloading the configuration");
  if (cli_) cli_->reloading();
  if (cli_ && job_.open_command_line) cli_->bind_again(job_.open_command_line);
  notify_systemd(reloading_state());
  if (job_.program && job_.program->replaced()) return rehearse();
  respawn_at_ms_ = 0;
  spawn(nullptr);
}

// It drains because somebody told it so, and not the master: another one takes its place now.
void Master::worker_leaves(Child& child) {
  if (stopping_ || retired_ || child.leaving) return;
  voice_.say(Level::alert, fmt::format("worker {} was told to leave, starting another one", child.pid));
  child.leaving = true;
  Child place = take_place(child);
  start_again(place);
}

void Master::stop(Order order, int signal) {
  bool haproxy = voice_.face() == config::Dialect::haproxy;
  if (!stopping_) notify_systemd("STOPPING=1\nSTATUS=Stopping.\n");
  stopping_ = true;
  respawn_at_ms_ = spare_at_ms_ = 0;
  if (haproxy && signal == SIGINT && exit_code_ == 0) exit_code_ = 128 + SIGINT;
  if (order == Order::quit)
    send_away();
  else
    tell(order);
  for (Child& c : children_) c.standbys.drop();
  dead_.standbys.drop();
  kill_reading();
  if (order == Order::quit) close_sockets();
  leave_successor();  // which is to send nothing back any more
  if (order == Order::stop) kill_at_ms_ = now_ms() + kKillAfterMs;
  if (rehearsal_ > 0) kill(rehearsal_, SIGKILL);
}

void Master::tell(Order order) {
  int signal = voice_.signal_for(order);
  if (signal == 0) return;
  for (Child& c : children_) kill(c.pid, signal);
}

void Master::kill_late() {
  kill_at_ms_ = 0;
  for (Child& c : children_) {
    voice_.say(Level::alert, fmt::format("worker {} does not end, killing it", c.pid));
    kill(c.pid, SIGKILL);
  }
}

Master::Child* Master::current() {
  for (Child& c : children_)
    if (c.ready && !c.leaving) return &c;
  return nullptr;
}

bool Master::starting() const {
  return std::any_of(children_.begin(), children_.end(), [](const Child& c) { return !c.ready && !c.leaving; });
}

}  // namespace weir::master
