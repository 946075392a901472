#pragma once
// System calls and allocations that a test can make fail. In the usual build every function here is the plain call and
// nothing else. The fault build (make fault) asks the plan in the environment variable WEIR_FAULT first:
//
//   WEIR_FAULT="recv.server:short:every=3,send:EAGAIN:at=5,accept:EMFILE:at=2,alloc.slab:ENOMEM:from=4"
//
// SITE:WHAT[:WHEN], where SITE is a name that WEIR_FAULT=sites lists or the beginning of some ("recv" means recv.client and
// recv.server), WHAT is `short` (one byte instead of many) or the name of an errno, and WHEN is at=N, every=N or from=N,
// counted per entry and process; without it every call fails. What was done is told on standard error.
//
// An injected EAGAIN or short transfer on a socket in an edge-triggered epoll set is an edge that the kernel will not
// repeat, so the injector asks for it again at once (EPOLL_CTL_MOD of the registration it saw in epoll_ctl): the next wait
// reports the socket, and a connection that hangs after that hangs by weir's own fault.
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>

struct ssl_st;

namespace weir::fault {

// Where a call is made. The names are in base/fault.cc.
enum class Site : uint8_t {
  accept,
  control_accept,
  socket,
  connect,
  epoll_ctl,
  recv,
  send,
  sendmsg,
  tls_recv,
  tls_send,
  sendfile,
  file_open,
  file_read,
  body_read,
  temp_open,
  temp_write,
  temp_read,
  log_open,
  log_open_named,
  log_write,
  log_socket,
  log_connect,
  log_send,
  listen_socket,
  config_open,
  config_read,
  zone_create,
  zone_map,
  control_recv,
  control_send,
  alloc_loop,
  alloc_config,
  alloc_arena,
  alloc_large,
  alloc_slab,
  alloc_buffer,
  alloc_body,
  alloc_variable,
};

enum class Role : uint8_t { none, client, server };
constexpr int kShort = -1;

#ifdef WEIR_FAULT
// Counts the call. 0: make it; kShort: with one byte; else fail with this errno.
int verdict(Site site, int fd);
void note_role(int fd, Role role);
void note_watched(int epoll, int op, int fd, const epoll_event* event);
// OpenSSL calls read() and write() itself: puts a BIO that asks the plan below the session.
void watch_tls(ssl_st* ssl);
#else
constexpr int verdict(Site, int) {
  return 0;
}
inline void note_role(int, Role) {}
inline void note_watched(int, int, int, const epoll_event*) {}
inline void watch_tls(ssl_st*) {}
#endif

// True when the call shall fail, with errno set. May cut `size`.
inline bool fails(Site site, int fd, size_t& size) {
  int v = verdict(site, fd);
  if (v == 0) return false;
  if (v == kShort) {
    if (size > 1) size = 1;
    return false;
  }
  errno = v;
  return true;
}
inline bool fails(Site site, int fd = -1) {
  size_t one = 1;
  return fails(site, fd, one);
}

inline ssize_t recv(Site site, int fd, void* to, size_t size, int flags) {
  return fails(site, fd, size) ? -1 : ::recv(fd, to, size, flags);
}
inline ssize_t send(Site site, int fd, const void* from, size_t size, int flags) {
  return fails(site, fd, size) ? -1 : ::send(fd, from, size, flags);
}
inline ssize_t sendmsg(Site site, int fd, const msghdr* message, int flags) {
  size_t size = SIZE_MAX;
  if (fails(site, fd, size)) return -1;
  if (size == 1) return ::send(fd, message->msg_iov->iov_base, message->msg_iov->iov_len ? 1 : 0, flags);
  return ::sendmsg(fd, message, flags);
}
inline ssize_t sendfile(Site site, int to, int from, off_t* offset, size_t size) {
  return fails(site, to, size) ? -1 : ::sendfile(to, from, offset, size);
}
inline ssize_t read(Site site, int fd, void* to, size_t size) {
  return fails(site, fd, size) ? -1 : ::read(fd, to, size);
}
inline ssize_t pread(Site site, int fd, void* to, size_t size, off_t offset) {
  return fails(site, -1, size) ? -1 : ::pread(fd, to, size, offset);
}
inline ssize_t write(Site site, int fd, const void* from, size_t size) {
  return fails(site, fd, size) ? -1 : ::write(fd, from, size);
}
inline ssize_t pwrite(Site site, int fd, const void* from, size_t size, off_t offset) {
  return fails(site, -1, size) ? -1 : ::pwrite(fd, from, size, offset);
}
inline ssize_t writev(Site site, int fd, const iovec* parts, int count) {
  return fails(site, fd) ? -1 : ::writev(fd, parts, count);
}
inline int open(Site site, const char* path, int flags, mode_t mode = 0) {
  return fails(site) ? -1 : ::open(path, flags, mode);
}
inline int openat(Site site, int dir, const char* path, int flags) {
  return fails(site) ? -1 : ::openat(dir, path, flags);
}
inline int socket(Site site, int family, int type, int protocol) {
  return fails(site) ? -1 : ::socket(family, type, protocol);
}
inline int connect(Site site, int fd, const sockaddr* to, socklen_t size) {
  if (site == Site::connect) note_role(fd, Role::server);
  return fails(site, fd) ? -1 : ::connect(fd, to, size);
}
inline int accept4(Site site, int fd, sockaddr* from, socklen_t* size, int flags) {
  if (fails(site)) return -1;
  int accepted = ::accept4(fd, from, size, flags);
  if (site == Site::accept) note_role(accepted, Role::client);
  return accepted;
}
inline int epoll_ctl(Site site, int epoll, int op, int fd, epoll_event* event) {
  if (op != EPOLL_CTL_DEL && fails(site, fd)) return -1;
  note_watched(epoll, op, fd, event);
  return ::epoll_ctl(epoll, op, fd, event);
}
inline int memfd_create(Site site, const char* name, unsigned flags) {
  return fails(site) ? -1 : ::memfd_create(name, flags);
}
inline void* mmap(Site site, void* at, size_t size, int protection, int flags, int fd, off_t offset) {
  return fails(site) ? MAP_FAILED : ::mmap(at, size, protection, flags, fd, offset);
}
inline void* aligned_alloc(Site site, size_t align, size_t size) {
  return fails(site) ? nullptr : ::aligned_alloc(align, size);
}
inline void* malloc(Site site, size_t size) {
  return fails(site) ? nullptr : ::malloc(size);
}

}  // namespace weir::fault
