// See net/listening.h.
#include "net/listening.h"

#include <sys/socket.h>

namespace weir::net {

// TCP ends to listen where a socket is connected to nowhere.
bool stop_listening(int fd, const Addr& addr) {
  if (!addr.is_ip()) return true;
  sockaddr nowhere{};
  nowhere.sa_family = AF_UNSPEC;
  return ::connect(fd, &nowhere, sizeof nowhere) == 0;
}

}  // namespace weir::net
