// See master/standby.h. The waiting process ends when the master closes its channel.
#include "master/standby.h"

#include <sys/socket.h>
#include <unistd.h>

#include "base/gauge.h"
#include "master/background.h"
#include "master/sockets.h"

namespace weir::master {

int leave_standby(int channel, const std::function<void()>& wait, const std::function<void(int)>& revive) {
  for (;;) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return channel;
    pid_t pid = fork();
    if (pid != 0) {
      Packet packet;
      packet.type = Message::standby;
      packet.pid = pid;
      if (pid > 0) send_packet(channel, packet, ends[0]);
      for (int end : ends) close(end);
      return channel;
    }
    close(ends[0]);
    close(channel);
    channel = ends[1];
    wait();
    Packet packet;
    int fd = -1;
    if (!receive_packet(channel, packet, fd) || packet.type != Message::serve) {
      Background::for_good();
      _exit(0);
    }
    g_worker_slot = packet.slot;
    revive(fd);
  }
}

}  // namespace weir::master
