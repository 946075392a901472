// See proxy/heir.h.
#include "proxy/heir.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <span>
#include <string>

#include "net/descriptor.h"

namespace weir::proxy {
namespace {

constexpr size_t kIdentities = 512;  // in one packet; a shorter one is the last
constexpr uint64_t kPatienceMs = 100;  // between two packets
constexpr char kLeftQueues = 'q';  // a packet of its own, which other versions drop as no passport

// One packet of identities. The passport's form is told, so that nobody is sent what cannot be read.
struct Greeting {
  uint32_t passport_version = http::Passport::kVersion;
  uint32_t passport_size = sizeof(http::Passport);
  uint64_t count = 0;
  uint64_t identities[kIdentities] = {};
};

}  // namespace

Heir::Heir(int channel, const std::vector<uint64_t>& listeners)
    : channel_(channel), listeners_(listeners.begin(), listeners.end()) {}

Heir::~Heir() {
  close(channel_);
}

Heir::Sent Heir::send(const http::Passport& passport, Str tlvs, int fd) {
  char bytes[sizeof passport + http::Passport::kMaxTlvs];
  memcpy(bytes, &passport, sizeof passport);
  if (!tlvs.empty()) memcpy(bytes + sizeof passport, tlvs.data(), tlvs.size());
  if (net::send_descriptors(channel_, bytes, sizeof passport + tlvs.size(), std::span(&fd, 1), MSG_DONTWAIT) >= 0)
    return Sent::yes;
  // ETOOMANYREFS: descriptors that are under way and not yet taken count against the user's limit.
  bool busy = errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM || errno == ETOOMANYREFS;
  return busy ? Sent::later : Sent::gone;
}

void Heir::left_queues() {
  net::send_descriptors(channel_, &kLeftQueues, sizeof kLeftQueues, {}, MSG_DONTWAIT);
}

Received receive(int channel, Arrival& out) {
  for (;;) {
    char bytes[sizeof(http::Passport) + http::Passport::kMaxTlvs];
    std::vector<int> fds;
    long n = net::receive_descriptors(channel, bytes, sizeof bytes, 1, fds, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN) return Received::none;
    if (n <= 0) return Received::end;
    auto size = static_cast<size_t>(n);
    if (size == sizeof kLeftQueues && bytes[0] == kLeftQueues && fds.empty()) return Received::left_queues;
    if (size >= sizeof out.passport) memcpy(&out.passport, bytes, sizeof out.passport);
    if (!fds.empty() && size >= sizeof out.passport && size == sizeof out.passport + out.passport.tlvs) {
      out.tlvs.assign(bytes + sizeof out.passport, out.passport.tlvs);
      out.fd = fds[0];
      return Received::one;
    }
    for (int fd : fds) close(fd);
  }
}

bool send_listeners(int channel, const std::vector<uint64_t>& listeners) {
  for (size_t at = 0;; at += kIdentities) {
    Greeting greeting;
    greeting.count = std::min(kIdentities, listeners.size() - at);
    std::copy_n(listeners.begin() + static_cast<ptrdiff_t>(at), greeting.count, greeting.identities);
    if (net::send_descriptors(channel, &greeting, sizeof greeting, {}) < 0) return false;
    if (greeting.count < kIdentities) return true;
  }
}

bool receive_listeners(int channel, std::vector<uint64_t>& listeners) {
  for (;;) {
    if (!net::wait_readable(channel, kPatienceMs)) return false;
    Greeting greeting;
    std::vector<int> fds;
    long n = net::receive_descriptors(channel, &greeting, sizeof greeting, 0, fds, MSG_DONTWAIT);
    if (n != static_cast<long>(sizeof greeting) || greeting.count > kIdentities ||
        greeting.passport_version != http::Passport::kVersion || greeting.passport_size != sizeof(http::Passport))
      return false;
    listeners.insert(listeners.end(), greeting.identities, greeting.identities + greeting.count);
    if (greeting.count < kIdentities) return true;
  }
}

}  // namespace weir::proxy
