// See master/standby.h. The waiting process ends when the master closes its channel.
#include "master/standby.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <utility>

#include "base/gauge.h"
#include "master/background.h"
#include "master/sockets.h"

namespace weir::master {
namespace {

// Makes a process like this one and tells the master of it. Its parent has gone when this function returns, so that it is the
// master's child (PR_SET_CHILD_SUBREAPER) and nobody here has to wait for its end. In the new process: its channel; here: -1.
int leave_one(int channel) {
  pid_t between = fork();
  if (between != 0) {
    int status;
    while (between > 0 && waitpid(between, &status, 0) < 0 && errno == EINTR) {
    }
    return -1;
  }
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) _exit(1);
  pid_t pid = fork();
  if (pid == 0) {
    close(ends[0]);
    close(channel);
    return ends[1];
  }
  Packet packet;
  packet.type = Message::standby;
  packet.pid = pid;
  if (pid > 0) send_packet(channel, packet, ends[0]);
  _exit(pid > 0 ? 0 : 1);
}

}  // namespace

int leave_standby(int channel, const std::function<void()>& wait, const std::function<void(int)>& revive) {
  bool followed = false;  // somebody waits for the place that this process has
  for (;;) {
    int own = followed ? -1 : leave_one(channel);
    if (own < 0) return channel;
    channel = own;
    wait();
    Packet packet;
    int fd = -1;
    bool heard = false;
    while ((heard = receive_packet(channel, packet, fd)) && packet.type == Message::standby)
      if (own = leave_one(channel); own >= 0) channel = own;
    if (!heard || packet.type != Message::serve) {
      Background::for_good();
      _exit(0);
    }
    g_worker_slot = packet.slot;
    followed = packet.pid > 0;
    revive(fd);
  }
}

void Standbys::add(pid_t pid, int channel) {
  One& place = first.channel < 0 ? first : spare;
  if (place.channel >= 0)
    close(channel);
  else
    place = {pid, channel};
}

void Standbys::watch(std::vector<pollfd>& fds) const {
  for (const One* one : {&first, &spare})
    if (one->channel >= 0) fds.push_back({one->channel, POLLIN, 0});
}

void Standbys::ask_for_spare() const {
  Packet packet;
  packet.type = Message::standby;
  if (first.channel >= 0 && spare.channel < 0) send_packet(first.channel, packet);
}

pid_t Standbys::hear(int channel) {
  Packet packet;
  int fd = -1;
  if (receive_packet(channel, packet, fd)) {
    if (fd >= 0 && packet.type == Message::standby)
      add(packet.pid, fd);
    else if (fd >= 0)
      close(fd);
    return -1;
  }
  return lose(channel);
}

pid_t Standbys::lose(int channel) {
  close(channel);
  One& gone = first.channel == channel ? first : spare;
  pid_t pid = gone.pid;
  gone = {};
  if (first.channel < 0) std::swap(first, spare);
  return pid;
}

bool Standbys::revive(int slot, int command_line) {
  if (!any()) return false;
  Packet packet;
  packet.type = Message::serve;
  packet.slot = slot;
  packet.pid = spare.pid;
  return send_packet(first.channel, packet, command_line);
}

void Standbys::drop() {
  for (One* one : {&first, &spare}) {
    if (one->channel >= 0) close(one->channel);
    *one = {};
  }
}

}  // namespace weir::master
