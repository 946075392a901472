#pragma once
// A process that has read the configuration and waits: when its worker dies it serves in its place, at once and with the
// configuration that was running, whatever has become of the file. Each worker leaves one behind before it begins; that one leaves
// a spare, so that there is always somebody who can make another one.
#include <poll.h>
#include <sys/types.h>

#include <functional>
#include <vector>

namespace weir::master {

// In a worker that has read its configuration and not begun anything else. Returns in the process that is to serve, this one or,
// when it has died and the master says so, one that was waiting: the channel to the master. The latter calls `wait` before and
// `revive` afterwards, with the descriptor for the master's command line, or -1. Who waits is a child of the master.
int leave_standby(int channel, const std::function<void()>& wait, const std::function<void(int)>& revive);

// Those that wait for one worker, as the master knows them. Owns no descriptor: `drop` closes.
struct Standbys {
  struct One {
    pid_t pid = -1;
    int channel = -1;
  };
  One first, spare;

  bool any() const { return first.channel >= 0; }
  void watch(std::vector<pollfd>& fds) const;
  bool has(int channel) const { return channel >= 0 && (first.channel == channel || spare.channel == channel); }
  // Takes the descriptor over. One too many ends.
  void add(pid_t pid, int channel);
  // Has the first one leave a spare where there is none; its answer comes through `first.channel`.
  void ask_for_spare() const;
  // Takes what the process at `channel` has to say: a spare, or that it has gone. Returns who has gone, or -1.
  pid_t hear(int channel);
  // Lets the one at `channel` go.
  pid_t lose(int channel);
  // The first one is told to serve. False: there is none that can.
  bool revive(int slot, int command_line);
  void drop();
};

}  // namespace weir::master
