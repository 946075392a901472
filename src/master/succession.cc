// Who follows whom: connections that go from an old worker to a new one, and the program that follows this one on USR2.
// Methods of master/master.h.
#include <errno.h>
#include <fmt/format.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "master/master.h"
#include "master/upgrade.h"

namespace weir::master {
namespace {

constexpr int kHandOverBuffer = 1 << 20;
constexpr uint64_t kSparePauseMs = 1000;

}  // namespace

// Connects the two, which tells the old one to drain. False: one of them is not there or does not listen. One that drains already for another heir changes over to this one.
// `heir`: a channel to it, or to its master.
bool Master::introduce(Child& old, int heir) {
  int ends[2];
  if (old.channel < 0 || heir < 0) return false;
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return false;
  for (int end : ends) setsockopt(end, SOL_SOCKET, SO_SNDBUF, &kHandOverBuffer, sizeof kHandOverBuffer);
  Packet packet;
  packet.type = Message::ancestor;
  bool good = send_packet(heir, packet, ends[0], MSG_DONTWAIT);
  packet.type = Message::heir;
  good = good && send_packet(old.channel, packet, ends[1], MSG_DONTWAIT);
  for (int end : ends) close(end);
  return good;
}

// USR2: starts the program anew, from the file that now has its name.
void Master::change_program() {
  if (successor_ > 0 || link_ >= 0 || !served_) {
    voice_.say(Level::alert, "the changing binary signal is ignored: shut down the old or the new program first");
    return;
  }
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    voice_.say(Level::alert, fmt::format("socketpair() failed ({}: {})", errno, strerror(errno)));
    return;
  }
  rename_pid_file(false);
  std::vector<int> fds;
  for (auto& [key, kept] : sockets_) fds.push_back(kept.fd);
  successor_ = start_program(job_.argv, fds, ends[1], descriptors_);
  close(ends[1]);
  if (successor_ < 0) {
    voice_.say(Level::alert, fmt::format("fork() failed ({}: {})", errno, strerror(errno)));
    close(ends[0]);
    return rename_pid_file(true);
  }
  successor_link_ = ends[0];
  voice_.say(Level::notice, fmt::format("started the new program as process {}", successor_));
}

void Master::rename_pid_file(bool back) {
  if (pid_file_.empty()) return;
  std::string old = pid_file_ + kOldSuffix;
  const std::string &from = back ? old : pid_file_, &to = back ? pid_file_ : old;
  if (rename(from.c_str(), to.c_str()) != 0)
    voice_.say(Level::alert, fmt::format("rename() {} to {} failed ({}: {})", from, to, errno, strerror(errno)));
}

void Master::program_ended(int status) {
  const pid_t gone = std::exchange(successor_, -1);
  leave_successor();
  rename_pid_file(true);
  voice_.say(status == 0 ? Level::notice : Level::alert,
             fmt::format("the new program {} has ended: it {}; this one goes on", gone, how_it_ended(status)));
  if (retired_ && !stopping_) reload();
}

// The old master has a worker whose connections may come here, or is gone.
void Master::on_link() {
  Packet packet;
  int fd = -1;
  if (!receive_packet(link_, packet, fd)) {
    close(link_);
    link_ = -1;
    return;
  }
  Child* heir = current();
  if (fd >= 0 && heir && packet.type == Message::ancestor) send_packet(heir->channel, packet, fd, MSG_DONTWAIT);
  if (fd >= 0) close(fd);
}

void Master::leave_successor() {
  if (successor_link_ >= 0) close(successor_link_);
  successor_link_ = -1;
}

// The new program goes and its workers look for an heir here, which may have to be called first. Should there be none their
// clients get one more answer.
void Master::on_successor() {
  Packet packet;
  int fd = -1;
  if (!receive_packet(successor_link_, packet, fd)) return leave_successor();
  if (fd >= 0) arriving_.push_back(fd);
  if (retired_ && !stopping_) reload();
  if (current() || !starting()) welcome(current());
}

// Gives those that look for an heir to `heir`; null: tells them that there is none.
void Master::welcome(Child* heir) {
  Packet packet;
  packet.type = Message::ancestor;
  for (int fd : arriving_) {
    if (heir) send_packet(heir->channel, packet, fd, MSG_DONTWAIT);
    close(fd);
  }
  arriving_.clear();
}

// A port that cannot be had because what runs has it at another address.
void Master::tell_overlap(const Wish& wish) {
  const std::string port = fmt::format(":{} ", wish.port);
  for (auto& [key, kept] : sockets_) {
    if (wish.family == AF_UNIX || key.find(port) == std::string::npos) continue;
    voice_.say(Level::notice, fmt::format("{} overlaps with {}, where what runs listens: that needs a restart",
                                          wish.addr().text(), key.substr(0, key.find(' '))));
  }
}

// WINCH: the workers go, the master stays and can have new ones on HUP.
void Master::retire_workers() {
  if (stopping_ || retired_) return;
  retired_ = true;
  respawn_at_ms_ = 0;
  Child* serving = current();
  if (serving) {
    dead_.standbys.drop();
    dead_ = take_place(*serving);
  }
  const Child kept = dead_;
  dead_ = {};
  send_away();
  dead_ = kept;
}

// What is needed to fill the child's place: its standbys wait for that from here on.
Master::Child Master::take_place(Child& child) {
  Child place = child;
  child.standbys = {};
  return place;
}

// Not at once when one has just gone: what ended it may end the next one too.
void Master::on_standby(int channel) {
  Child* child = dead_.standbys.has(channel) ? &dead_ : nullptr;
  for (Child& c : children_)
    if (c.standbys.has(channel)) child = &c;
  if (!child) return;
  const pid_t gone = child->standbys.hear(channel);
  if (gone < 0) return;
  if (child->standbys.any()) {
    voice_.say(Level::warn, fmt::format("standby process {} has ended, starting another one", gone));
    spare_at_ms_ = now_ms() + kSparePauseMs;
  } else {
    voice_.say(Level::alert, fmt::format("standby process {} has ended and none is left: should worker {} die, the "
                                         "configuration is read again (a reload makes new ones)",
                                         gone, child->pid));
  }
}

void Master::ask_for_spare() {
  spare_at_ms_ = 0;
  for (const Child& c : children_)
    if (c.ready && !c.leaving) c.standbys.ask_for_spare();
  dead_.standbys.ask_for_spare();
}

// False: it is not the last, or a signal has to say it.
bool Master::tell_last(const Child& child) {
  if (!stopping_ || child.channel < 0) return false;
  Packet packet;
  packet.type = Message::last;
  return send_packet(child.channel, packet, -1, MSG_DONTWAIT);
}

// Lets the workers drain; where another program serves in our place, the newer one or the older one, their idle connections go
// there.
void Master::send_away() {
  const int other = successor_link_ >= 0 ? successor_link_ : link_;
  kill_reading();
  for (Child& c : children_) {
    if (!c.ready || !(introduce(c, other) || tell_last(c))) kill(c.pid, voice_.signal_for(Order::quit));
    c.leaving = true;
    c.standbys.drop();
  }
  dead_.standbys.drop();
}

}  // namespace weir::master
