// See master/old_sockets.h.
#include "master/old_sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>

#include "net/descriptor.h"

namespace weir::master {
namespace {

constexpr size_t kBatch = 253;  // descriptors of one message
constexpr int kMaxSockets = 65536;
constexpr uint64_t kPatienceMs = 1000;
constexpr Str kCommand = "_getsocks\n";

int connect_to(const std::string& where, std::string& problem) {
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  if (where.size() >= sizeof to.sun_path) {
    problem = fmt::format("the path '{}' is too long", where);
    return -1;
  }
  memcpy(to.sun_path, where.data(), where.size());
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd >= 0 && connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0) return fd;
  problem = fmt::format("Failed to connect to the old process socket '{}' ({})", where, strerror(errno));
  if (fd >= 0) close(fd);
  return -1;
}

// A connection of our own over a pair that was inherited.
int connect_over(int pair, std::string& problem) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0) {
    bool sent = net::send_descriptor(pair, ends[1]);
    close(ends[1]);
    if (sent) return ends[0];
    close(ends[0]);
  }
  problem = fmt::format("cannot reach the old process over sockpair@{} ({})", pair, strerror(errno));
  return -1;
}

// How many there are, or -1.
int ask(int fd) {
  int count = -1;
  if (send(fd, kCommand.data(), kCommand.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(kCommand.size())) return -1;
  if (!net::wait_readable(fd, kPatienceMs)) return -1;
  if (recv(fd, &count, sizeof count, MSG_DONTWAIT) != static_cast<ssize_t>(sizeof count)) return -1;
  return count > kMaxSockets ? -1 : count;
}

// Their descriptions (network namespace, interface) are not looked at: the sockets tell where they are bound.
std::vector<int> receive(int fd, int count) {
  std::vector<int> fds;
  std::vector<char> text(kBatch * 512);
  while (static_cast<int>(fds.size()) < count) {
    if (!net::wait_readable(fd, kPatienceMs)) break;
    if (net::receive_descriptors(fd, text.data(), text.size(), kBatch, fds, MSG_DONTWAIT) <= 0) break;
    int got = static_cast<int>(fds.size());
    if (send(fd, &got, sizeof got, MSG_NOSIGNAL) != static_cast<ssize_t>(sizeof got)) break;
  }
  return fds;
}

int option(int fd, int level, int name) {
  int value = 0;
  socklen_t size = sizeof value;
  return getsockopt(fd, level, name, &value, &size) == 0 ? value : -1;
}

std::string device(int fd) {
  char name[IFNAMSIZ] = {};
  socklen_t size = sizeof name;
  return getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, &size) == 0 ? std::string(name, strnlen(name, size)) : "";
}

// A path's socket was bound as "PATH.PID.tmp" and then renamed.
bool same_path(Str bound, Str wanted) {
  if (bound == wanted) return true;
  if (!bound.starts_with(wanted) || !bound.ends_with(".tmp")) return false;
  Str middle = bound.substr(wanted.size());
  return middle.size() > 5 && middle[0] == '.' && parse_u64(middle.substr(1, middle.size() - 5)).has_value();
}

Str path_of(const sockaddr_storage& at, socklen_t size) {
  auto* un = reinterpret_cast<const sockaddr_un*>(&at);
  size_t room = size > offsetof(sockaddr_un, sun_path) ? size - offsetof(sockaddr_un, sun_path) : 0;
  return {un->sun_path, strnlen(un->sun_path, room)};
}

}  // namespace

bool OldSockets::fetch(const std::string& where, std::string& problem) {
  constexpr Str kPair = "sockpair@";
  auto pair = where.starts_with(kPair) ? parse_u64(Str(where).substr(kPair.size())) : std::nullopt;
  int fd = pair && *pair < INT32_MAX ? connect_over(static_cast<int>(*pair), problem) : connect_to(where, problem);
  if (fd < 0) return false;
  int count = ask(fd);
  if (count < 0) problem = "Failed to get the number of sockets to be transferred !";
  if (count > 0) add(receive(fd, count));
  close(fd);
  if (count < 0) return false;
  if (static_cast<int>(sockets_.size()) == count) return true;
  problem = fmt::format("We didn't get the expected number of sockets (expecting {} got {})", count, sockets_.size());
  drop();
  return false;
}

void OldSockets::add(const std::vector<int>& fds) {
  for (int fd : fds) {
    Socket& s = sockets_.emplace_back(Socket{fd, {}, sizeof(sockaddr_storage)});
    if (getsockname(fd, reinterpret_cast<sockaddr*>(&s.at), &s.size) != 0) s.at.ss_family = AF_UNSPEC;
  }
}

bool OldSockets::fits(const Socket& s, const Wish& wish) const {
  if (s.at.ss_family != wish.family) return false;
  bool datagram = option(s.fd, SOL_SOCKET, SO_TYPE) == SOCK_DGRAM;
  if (datagram != wish.datagram || (!datagram && option(s.fd, SOL_SOCKET, SO_ACCEPTCONN) != 1)) return false;
  if (wish.family == AF_UNIX && !wish.abstract) return same_path(path_of(s.at, s.size), {wish.path, wish.path_size});
  sockaddr_storage wanted;
  socklen_t size = wish.addr().to(wanted);
  if (wish.family == AF_UNIX) return size == s.size && memcmp(&wanted, &s.at, size) == 0;
  // The kernel gives every socket on one IPv6 address the option.
  bool any = wish.family == AF_INET6 && std::ranges::all_of(wish.ip, [](uint8_t byte) { return byte == 0; });
  if (any && (option(s.fd, IPPROTO_IPV6, IPV6_V6ONLY) > 0) != wish.v6only) return false;
  if ((option(s.fd, SOL_IP, IP_TRANSPARENT) > 0) != wish.transparent || device(s.fd) != wish.interface) return false;
  net::Addr have = net::Addr::from(reinterpret_cast<const sockaddr*>(&s.at), s.size);
  return have == wish.addr();
}

Opened OldSockets::open(const Wish& wish) {
  auto it = std::ranges::find_if(sockets_, [&](const Socket& s) { return fits(s, wish); });
  if (it == sockets_.end()) return open_socket(wish);
  int fd = it->fd;
  sockets_.erase(it);
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
  taken_.emplace_back(fd, wish);
  return {fd, 0, ""};
}

void OldSockets::settle() {
  for (const auto& [fd, wish] : std::exchange(taken_, {})) adjust_socket(fd, wish);
  drop();
}

void OldSockets::drop() {
  for (const Socket& s : sockets_) close(s.fd);
  sockets_.clear();
}

}  // namespace weir::master
