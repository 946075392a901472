#pragma once
// Listening sockets of the process that runs already, for one that takes over. HAProxy's -x asks the old one with
// `_getsocks` on a runtime socket with `expose-fd listeners` (control/commands_sockets.cc); nginx's upgrade leaves them to the
// new program (master/upgrade.h). What is bound to an address that the new configuration names is used, the rest is closed. Lives through the start, in the process that opens sockets.
#include <sys/socket.h>

#include <string>
#include <vector>

#include "master/sockets.h"

namespace weir::master {

class OldSockets {
 public:
  OldSockets() = default;
  ~OldSockets() { drop(); }
  OldSockets(const OldSockets&) = delete;
  OldSockets& operator=(const OldSockets&) = delete;

  // Asks at a path, or on the socket pair of "sockpair@N". False with a sentence about what went wrong.
  bool fetch(const std::string& where, std::string& problem);
  // These were left to us.
  void add(const std::vector<int>& fds);
  // The one that fits, or a new one.
  Opened open(const Wish& wish);
  // This process serves: the sockets that were wanted get the options that they are to have, which the old one's keep until then,
  // and the others are closed.
  void settle();
  // Closes what nobody wanted.
  void drop();

 private:
  struct Socket {
    int fd;
    sockaddr_storage at;
    socklen_t size;
  };
  bool fits(const Socket& socket, const Wish& wish) const;

  std::vector<Socket> sockets_;
  std::vector<std::pair<int, Wish>> taken_;  // until settle()
};

}  // namespace weir::master
