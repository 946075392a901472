// See net/socket_options.h.
#include "net/socket_options.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef SO_BUF_LOCK
#define SO_BUF_LOCK 72
#endif

namespace weir::net {
namespace {

struct KeepOption {
  int name;
  uint32_t SocketOptions::* value;
};
constexpr KeepOption kKeepOptions[] = {{TCP_KEEPIDLE, &SocketOptions::keep_idle},
                                       {TCP_KEEPINTVL, &SocketOptions::keep_interval},
                                       {TCP_KEEPCNT, &SocketOptions::keep_count}};

struct BufferOption {
  int name;
  int lock;  // its bit of SO_BUF_LOCK: the kernel does not size it by itself any more
  uint32_t SocketOptions::* value;
};
constexpr BufferOption kBufferOptions[] = {{SO_RCVBUF, 2, &SocketOptions::receive_buffer},
                                           {SO_SNDBUF, 1, &SocketOptions::send_buffer}};

void set(int fd, int level, int name, int value) {
  setsockopt(fd, level, name, &value, sizeof value);
}

int get(int fd, int level, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  return getsockopt(fd, level, name, &value, &size) == 0 ? value : -1;
}

// What listening, accepted and connecting sockets have in common.
void set_given(int fd, const SocketOptions& options) {
  for (const BufferOption& b : kBufferOptions)
    if (options.*b.value) set(fd, SOL_SOCKET, b.name, static_cast<int>(options.*b.value));
  if (options.user_timeout) set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(options.user_timeout));
  if (!options.keepalive) return;
  set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  for (const KeepOption& k : kKeepOptions)
    if (options.*k.value) set(fd, IPPROTO_TCP, k.name, static_cast<int>(options.*k.value));
}

void give_back(int fd, int fresh, int level, int name) {
  const int usual = get(fresh, level, name);
  if (usual >= 0 && get(fd, level, name) != usual) set(fd, level, name, usual);
}

void give_back_buffer(int fd, int fresh, const BufferOption& b) {
  const int locks = get(fd, SOL_SOCKET, SO_BUF_LOCK);  // -1: a kernel before 5.14
  const int usual = get(fresh, SOL_SOCKET, b.name);
  if (locks >= 0 ? !(locks & b.lock) : get(fd, SOL_SOCKET, b.name) == usual) return;
  set(fd, SOL_SOCKET, b.name, usual / 2);  // the kernel doubles what it is told
  if (locks >= 0) set(fd, SOL_SOCKET, SO_BUF_LOCK, locks & ~b.lock);
}

}  // namespace

void prepare_listening(int fd, const SocketOptions& options) {
  set_given(fd, options);
  if (options.segment) set(fd, IPPROTO_TCP, TCP_MAXSEG, static_cast<int>(options.segment));
  if (options.fast_open) set(fd, IPPROTO_TCP, TCP_FASTOPEN, static_cast<int>(options.fast_open));
}

void renew_listening(int fd, const SocketOptions& options) {
  const int family = get(fd, SOL_SOCKET, SO_DOMAIN);
  const int fresh = family < 0 ? -1 : socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fresh >= 0) {
    for (const BufferOption& b : kBufferOptions)
      if (!(options.*b.value)) give_back_buffer(fd, fresh, b);
    if (!options.keepalive) give_back(fd, fresh, SOL_SOCKET, SO_KEEPALIVE);
    for (const KeepOption& k : kKeepOptions)
      if (!options.keepalive || !(options.*k.value)) give_back(fd, fresh, IPPROTO_TCP, k.name);
    if (!options.segment && get(fd, IPPROTO_TCP, TCP_MAXSEG) != get(fresh, IPPROTO_TCP, TCP_MAXSEG))
      set(fd, IPPROTO_TCP, TCP_MAXSEG, 0);
    if (!options.user_timeout) give_back(fd, fresh, IPPROTO_TCP, TCP_USER_TIMEOUT);
    if (!options.fast_open) give_back(fd, fresh, IPPROTO_TCP, TCP_FASTOPEN);
    close(fresh);
  }
  prepare_listening(fd, options);
}

SocketOptions left_to_connections(const SocketOptions& options, bool tcp) {
  SocketOptions left;
  if (tcp) return left;
  left.receive_buffer = options.receive_buffer;
  left.send_buffer = options.send_buffer;
  return left;
}

void prepare_accepted(int fd, const SocketOptions& options) {
  set_given(fd, options);
}

void prepare_connecting(int fd, const SocketOptions& options, bool has_data) {
  set_given(fd, options);
  if (options.fast_open && has_data) set(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1);
}

}  // namespace weir::net
