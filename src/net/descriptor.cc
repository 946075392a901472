// See net/descriptor.h.
#include "net/descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "base/clock.h"

namespace weir::net {
namespace {
constexpr size_t kBytes = 2;  // that come with a connection, as HAProxy has it
}  // namespace

long send_descriptors(int channel, const void* bytes, size_t size, std::span<const int> fds, int flags) {
  iovec iov{const_cast<void*>(bytes), size};
  std::vector<char> control(CMSG_SPACE(fds.size_bytes()));
  msghdr message{};
  message.msg_iov = &iov;
  message.msg_iovlen = 1;
  if (!fds.empty()) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* c = CMSG_FIRSTHDR(&message);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(fds.size_bytes());
    memcpy(CMSG_DATA(c), fds.data(), fds.size_bytes());
  }
  ssize_t n;
  do n = sendmsg(channel, &message, MSG_NOSIGNAL | flags);
  while (n < 0 && errno == EINTR);
  return n;
}

long receive_descriptors(int channel, void* bytes, size_t size, size_t room, std::vector<int>& fds, int flags) {
  iovec iov{bytes, size};
  std::vector<char> control(CMSG_SPACE(room * sizeof(int)));
  msghdr message{};
  message.msg_iov = &iov;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t n;
  do n = recvmsg(channel, &message, MSG_CMSG_CLOEXEC | flags);
  while (n < 0 && errno == EINTR);
  if (n < 0) return n;
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
    size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    size_t before = fds.size();
    fds.resize(before + count);
    memcpy(fds.data() + before, CMSG_DATA(c), count * sizeof(int));
  }
  return n;
}

bool send_descriptor(int channel, int fd) {
  char bytes[kBytes] = {};
  return send_descriptors(channel, bytes, sizeof bytes, std::span(&fd, 1)) == static_cast<long>(sizeof bytes);
}

int receive_descriptor(int channel) {
  char bytes[kBytes];
  std::vector<int> fds;
  long n = receive_descriptors(channel, bytes, sizeof bytes, 1, fds);
  if (n < 0) return -1;
  if (fds.empty()) {
    errno = n == 0 ? ECONNRESET : ECONNABORTED;  // bytes without one are somebody's mistake: the next may be good
    return -1;
  }
  fcntl(fds[0], F_SETFL, fcntl(fds[0], F_GETFL) | O_NONBLOCK);
  return fds[0];
}

bool wait_readable(int fd, uint64_t ms) {
  const uint64_t end = clock_ms(CLOCK_MONOTONIC) + ms;
  for (;;) {
    const uint64_t now = clock_ms(CLOCK_MONOTONIC);
    pollfd one{fd, POLLIN, 0};
    const int n = poll(&one, 1, now < end ? static_cast<int>(end - now) : 0);
    if (n >= 0 || errno != EINTR) return n > 0;
  }
}

void make_room_for_descriptors(uint64_t most) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == 0) return;
  const int low = eventfd(0, EFD_CLOEXEC);
  const int last = static_cast<int>(std::min<uint64_t>({limit.rlim_cur, most, INT32_MAX})) - 1;
  const int high = low >= 0 ? fcntl(low, F_DUPFD_CLOEXEC, last) : -1;
  for (int fd : {low, high})
    if (fd >= 0) close(fd);
}

SpareDescriptor::SpareDescriptor() : fd_(open("/dev/null", O_RDONLY | O_CLOEXEC)) {}

SpareDescriptor::~SpareDescriptor() {
  if (fd_ >= 0) close(fd_);
}

bool SpareDescriptor::turn_away(int listener) {
  if (fd_ < 0) return false;
  close(fd_);
  int connection = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
  if (connection >= 0) close(connection);
  fd_ = open("/dev/null", O_RDONLY | O_CLOEXEC);
  return connection >= 0;
}

}  // namespace weir::net
