// See master/cli.h.
#include "master/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "master/archive.h"
#include "master/cli_session.h"
#include "net/descriptor.h"

namespace weir::master {
namespace {

constexpr size_t kMaxSessions = 10;  // with as many, new clients wait in the kernel's queue

void shut(int& fd) {
  if (fd >= 0) close(fd);
  fd = -1;
}

}  // namespace

Cli::Cli(std::vector<control::SocketConf> sockets, CliAccess access)
    : sockets_(std::move(sockets)), access_(std::move(access)) {}

Cli::~Cli() {
  leave_to_master();
}

int Cli::before_fork() {
  // Not across exec, but across fork: the child is the worker.
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair_) != 0) pair_[0] = pair_[1] = -1;
  for (int fd : pair_)
    if (fd >= 0) fcntl(fd, F_SETFL, O_NONBLOCK);
  return pair_[1];
}

void Cli::forked(pid_t pid) {
  if (pid > 0) {
    WorkerView& w = workers_.emplace_back();
    w.pid = pid;
    w.line = pair_[0];
    w.far_end = pair_[1];
    w.since = time(nullptr);
    w.version = access_.version;
  } else {
    shut(pair_[0]);
  }
  pair_[0] = -1;
  shut(pair_[1]);
}

void Cli::leave_to_master() {
  sessions_.clear();
  for (control::SocketConf& s : sockets_) shut(s.fd);
  for (WorkerView& w : workers_) shut(w.line);
  shut(pair_[0]);
  pair_[1] = -1;
}

void Cli::reloading() {
  reloads_++;
  for (WorkerView& w : workers_) w.reloads++;
}

void Cli::bind_again(const std::function<bool(std::vector<control::SocketConf>&)>& open) {
  constexpr Str kPath = "unix@";
  auto gone = [&](const control::SocketConf& s) {
    return Str(s.text).starts_with(kPath) && ::access(s.text.c_str() + kPath.size(), F_OK) != 0 && errno == ENOENT;
  };
  if (std::ranges::none_of(sockets_, gone)) return;
  std::vector<control::SocketConf> fresh;
  if (open(fresh)) std::swap(sockets_, fresh);
  for (control::SocketConf& s : fresh)
    if (std::ranges::find(sockets_, s.fd, &control::SocketConf::fd) == sockets_.end()) shut(s.fd);
}

void Cli::ready(pid_t pid, bool reload) {
  for (WorkerView& w : workers_) {
    if (w.pid == pid)
      w.ready = true;
    else if (w.ready)
      w.leaving = true;
  }
  if (!reload) return;
  failures_ = 0;
  answer_reloads(true);
}

void Cli::ended(pid_t pid, bool reload) {
  auto it = std::ranges::find(workers_, pid, &WorkerView::pid);
  if (it == workers_.end()) return;
  shut(it->line);
  workers_.erase(it);
  if (reload) reload_failed();
}

void Cli::answer_reloads(bool success) {
  std::string log = access_.startup_log();
  for (auto& s : sessions_) s->reload_ended(success, log);
}

const WorkerView* Cli::find(pid_t pid) const {
  auto it = std::ranges::find_if(workers_, [&](const WorkerView& w) { return w.pid == pid && w.ready; });
  return it == workers_.end() ? nullptr : &*it;
}

const WorkerView* Cli::current() const {
  const WorkerView* best = nullptr;
  for (const WorkerView& w : workers_)
    if (w.ready && (!best || w.reloads <= best->reloads)) best = &w;
  return best;
}

void Cli::reload(bool hard) {
  access_.reload(hard);
  if (!starting()) reload_failed();
}

void Cli::reload_failed() {
  failures_++;
  answer_reloads(false);
}

template <class Archive>
void Cli::fields(Archive& a) {
  a.each(sockets_, [&](control::SocketConf& s) {
    a.descriptor(s.fd);
    a(s.text, s.level, s.timeout_ms, s.gives_sockets, s.pair, s.lasting, s.severity);
  });
  a.each(workers_, [&](WorkerView& w) {
    a.descriptor(w.line);
    a(w.pid, w.far_end, w.since, w.reloads, w.ready, w.leaving, w.version);
  });
  a.each(sessions_, [&](std::unique_ptr<CliSession>& s) {
    if (!s) s = std::make_unique<CliSession>(*this);
    s->fields(a);
  });
  a(reloads_, failures_, since_);
}
template void Cli::fields(Writer&);
template void Cli::fields(Reader&);

void Cli::watch(std::vector<pollfd>& fds) const {
  if (sessions_.size() < kMaxSessions)
    for (const control::SocketConf& s : sockets_)
      if (s.fd >= 0) fds.push_back({s.fd, POLLIN, 0});
  for (const auto& s : sessions_) s->watch(fds);
}

void Cli::on_events(std::span<const pollfd> fds) {
  for (const pollfd& p : fds) {
    if (p.revents == 0) continue;
    auto socket = std::ranges::find(sockets_, p.fd, &control::SocketConf::fd);
    if (socket != sockets_.end()) {
      accept_some(*socket);
      continue;
    }
    for (auto& s : sessions_)
      if (s->owns(p.fd)) {
        s->on_event(p.fd, p.revents);
        break;
      }
  }
  remove_closed();
}

void Cli::remove_closed() {
  std::erase_if(sessions_, [](const auto& s) { return s->closed(); });
}

void Cli::accept_some(const control::SocketConf& socket) {
  while (sessions_.size() < kMaxSessions) {
    int fd = socket.pair ? net::receive_descriptor(socket.fd)
                         : accept4(socket.fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      sessions_.push_back(std::make_unique<CliSession>(*this, fd, socket));
      continue;
    }
    if (errno == EINTR || errno == ECONNABORTED) continue;
    if ((errno == EMFILE || errno == ENFILE) && spare_.turn_away(socket.fd)) continue;
    if (errno == ECONNRESET)  // a pair's other side has gone
      for (control::SocketConf& s : sockets_)
        if (s.fd == socket.fd) shut(s.fd);
    return;
  }
}

}  // namespace weir::master
