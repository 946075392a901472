// See net/source.h.
#include "net/source.h"

#include <errno.h>
#include <string.h>

#include <atomic>

#include "base/fault.h"

namespace weir::net {
namespace {

int bind_to(int fd, const Addr& addr) {
  sockaddr_storage ss;
  const socklen_t size = addr.to(ss);
  return ::bind(fd, reinterpret_cast<sockaddr*>(&ss), size) == 0 ? 0 : errno;
}

// Ports of ranges are taken in turns, over all servers and shards: a port that was just left waits in TIME_WAIT.
std::atomic<uint32_t> g_turn{0};

}  // namespace

int bind_source(int fd, const Source& source) {
  const int one = 1, none = 0;
  if (source.interface && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, source.interface,
                                     static_cast<socklen_t>(strlen(source.interface) + 1)) != 0)
    return errno;
  const Addr& addr = source.addr;
  if (!addr.is_ip()) return 0;
  const bool v4 = addr.family == AF_INET;
  if (source.transparent &&
      setsockopt(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_TRANSPARENT : IPV6_TRANSPARENT, &one, sizeof one) != 0)
    return errno;
  // The port is chosen when it connects, so that one may serve connections to several servers.
  if (!addr.port) setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
  const uint32_t count = source.ports();
  const uint32_t turn = count > 1 ? g_turn.fetch_add(1, std::memory_order_relaxed) : 0;
  int error = EADDRINUSE;
  // SO_REUSEADDR takes a port that waits in TIME_WAIT, but also one of a connection that lives, which may then not connect.
  for (bool shares = count == 1;; shares = true) {
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, shares ? &one : &none, sizeof one);
    for (uint32_t i = 0; i < count && error == EADDRINUSE; i++) {
      Addr tried = addr;
      tried.port = static_cast<uint16_t>(addr.port + (turn + i) % count);
      error = bind_to(fd, tried);
    }
    if (shares || error != EADDRINUSE) break;
  }
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);  // for those that come when this one waits
  return error;
}

}  // namespace weir::net
