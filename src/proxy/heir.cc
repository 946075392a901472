// See proxy/heir.h.
#include "proxy/heir.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

namespace weir::proxy {
namespace {

constexpr size_t kIdentities = 1024;  // in one packet; a shorter one is the last
constexpr int kPatienceMs = 1000;

// In front of the identities. The passport's form is told, so that nobody is sent what cannot be read.
struct Greeting {
  uint32_t passport_version = http::Passport::kVersion;
  uint32_t passport_size = sizeof(http::Passport);
  uint64_t count = 0;
};

ssize_t receive_packet(int channel, iovec* iov, size_t count, int& fd) {
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
  msghdr message{};
  message.msg_iov = iov;
  message.msg_iovlen = count;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t n;
  do n = recvmsg(channel, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  while (n < 0 && errno == EINTR);
  if (n < 0) return n;
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c))
    if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) memcpy(&fd, CMSG_DATA(c), sizeof fd);
  return n;
}

}  // namespace

Heir::Heir(int channel, const std::vector<uint64_t>& listeners)
    : channel_(channel), listeners_(listeners.begin(), listeners.end()) {}

Heir::~Heir() {
  close(channel_);
}

Heir::Sent Heir::send(const http::Passport& passport, Str tlvs, int fd) {
  iovec iov[] = {{const_cast<http::Passport*>(&passport), sizeof passport},
                 {const_cast<char*>(tlvs.data()), tlvs.size()}};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = iov;
  message.msg_iovlen = 2;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* c = CMSG_FIRSTHDR(&message);
  c->cmsg_level = SOL_SOCKET;
  c->cmsg_type = SCM_RIGHTS;
  c->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(c), &fd, sizeof fd);
  ssize_t n;
  do n = sendmsg(channel_, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  while (n < 0 && errno == EINTR);
  if (n >= 0) return Sent::yes;
  // ETOOMANYREFS: descriptors that are under way and not yet taken count against the user's limit.
  bool busy = errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM || errno == ETOOMANYREFS;
  return busy ? Sent::later : Sent::gone;
}

Received receive(int channel, Arrival& out) {
  for (;;) {
    char tlvs[http::Passport::kMaxTlvs];
    iovec iov[] = {{&out.passport, sizeof out.passport}, {tlvs, sizeof tlvs}};
    out.fd = -1;
    ssize_t n = receive_packet(channel, iov, 2, out.fd);
    if (n < 0 && errno == EAGAIN) return Received::none;
    if (n <= 0) return Received::end;
    auto size = static_cast<size_t>(n);
    const http::Passport& p = out.passport;
    if (out.fd >= 0 && size >= sizeof p && size == sizeof p + p.tlvs) {
      out.tlvs.assign(tlvs, p.tlvs);
      return Received::one;
    }
    if (out.fd >= 0) close(out.fd);
  }
}

bool send_listeners(int channel, const std::vector<uint64_t>& listeners) {
  for (size_t at = 0;; at += kIdentities) {
    size_t n = std::min(kIdentities, listeners.size() - at);
    Greeting greeting;
    greeting.count = n;
    iovec iov[] = {{&greeting, sizeof greeting}, {const_cast<uint64_t*>(listeners.data()) + at, n * sizeof(uint64_t)}};
    msghdr message{};
    message.msg_iov = iov;
    message.msg_iovlen = 2;
    if (sendmsg(channel, &message, MSG_NOSIGNAL) < 0) return false;
    if (n < kIdentities) return true;
  }
}

bool receive_listeners(int channel, std::vector<uint64_t>& listeners) {
  for (;;) {
    pollfd p{channel, POLLIN, 0};
    if (poll(&p, 1, kPatienceMs) <= 0) return false;
    Greeting greeting;
    uint64_t identities[kIdentities];
    iovec iov[] = {{&greeting, sizeof greeting}, {identities, sizeof identities}};
    int fd = -1;
    ssize_t n = receive_packet(channel, iov, 2, fd);
    if (fd >= 0) close(fd);
    if (n < static_cast<ssize_t>(sizeof greeting) || greeting.count > kIdentities ||
        static_cast<size_t>(n) != sizeof greeting + greeting.count * sizeof(uint64_t) ||
        greeting.passport_version != http::Passport::kVersion || greeting.passport_size != sizeof(http::Passport))
      return false;
    listeners.insert(listeners.end(), identities, identities + greeting.count);
    if (greeting.count < kIdentities) return true;
  }
}

}  // namespace weir::proxy
