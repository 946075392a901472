// See net/socks4.h.
#include "net/socks4.h"

#include <errno.h>
#include <string.h>

#include <utility>

#include "base/fault.h"
#include "net/conn.h"

namespace weir::net {
namespace {

constexpr size_t kAnswer = 8;
constexpr char kGranted = 90;

ssize_t receive(int fd, char (&to)[kAnswer], int flags) {
  ssize_t n;
  do n = fault::recv(fault::Site::recv, fd, to, sizeof to, flags);
  while (n < 0 && errno == EINTR);
  return n;
}

}  // namespace

std::string socks4_request(const Addr& to) {
  if (to.family != AF_INET) return {};
  std::string out = "\x04\x01";
  out += static_cast<char>(to.port >> 8);
  out += static_cast<char>(to.port & 0xff);
  out.append(reinterpret_cast<const char*>(&to.v4), sizeof to.v4);
  return out.append("HAProxy", sizeof "HAProxy");  // the user, with its end
}

Socks4 read_socks4(int fd, bool ended) {
  char answer[kAnswer];
  ssize_t n = receive(fd, answer, MSG_PEEK);
  if (n == 0) return Socks4::closed;
  if (n < 0) return errno == EAGAIN ? Socks4::wait : Socks4::failed;
  if (static_cast<size_t>(n) < kAnswer) return ended ? Socks4::closed : Socks4::wait;
  if (answer[1] != kGranted) return Socks4::denied;
  return receive(fd, answer, 0) == kAnswer ? Socks4::granted : Socks4::failed;
}

bool Conn::pass_socks4(Socks4Way& way) {
  if (way.passed) return true;
  if (!way.request.empty()) send_plain(std::exchange(way.request, {}));
  if (broken_) return false;
  const Socks4 answer = read_socks4(fd_, rdhup_);
  if (answer == Socks4::wait) return false;
  way.passed = answer == Socks4::granted;
  if (way.passed) return true;
  way.problem = socks4_problem(answer);
  fail(answer == Socks4::failed ? errno : 0);
  return false;
}

Str socks4_problem(Socks4 answer) {
  switch (answer) {
    case Socks4::denied: return "SOCKS4 Proxy deny the request";
    case Socks4::closed: return "SOCKS4 Proxy read error during handshake";
    case Socks4::failed: return "SOCKS4 Proxy handshake aborted by server";
    case Socks4::wait:
    case Socks4::granted: break;
  }
  return {};
}

}  // namespace weir::net
