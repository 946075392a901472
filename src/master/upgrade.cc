// See master/upgrade.h.
#include "master/upgrade.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/shared_zone.h"
#include "base/str.h"
#include "master/sockets.h"
#include "master/worker.h"

namespace weir::master {
namespace {

constexpr const char* kSockets = "NGINX";
constexpr const char* kZones = "WEIR_ZONES";  // "fd,layout,size,name;"
constexpr const char* kLink = "WEIR_MASTER";

// The variable's value, which is gone from the environment afterwards.
std::string take_variable(const char* name) {
  const char* value = getenv(name);
  std::string out = value ? value : "";
  unsetenv(name);
  return out;
}

bool keep_to_ourselves(int fd) {
  return fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
}

void share(int fd) {
  fcntl(fd, F_SETFD, 0);
}

void take_zones(Str list) {
  while (!list.empty()) {
    Str zone = cut(list, ';');
    auto fd = parse_u64(cut(zone, ','));
    auto layout = parse_u64(cut(zone, ','));
    auto size = parse_u64(cut(zone, ','));
    if (!fd || !layout || !size || !keep_to_ourselves(static_cast<int>(*fd))) continue;
    if (!SharedZone::adopt(zone, *layout, *size, static_cast<int>(*fd))) close(static_cast<int>(*fd));
  }
}

int option(int fd, int level, int name) {
  int value = 0;
  socklen_t size = sizeof value;
  return getsockopt(fd, level, name, &value, &size) == 0 ? value : 0;
}

}  // namespace

Heritage take_heritage() {
  Heritage out;
  std::string sockets = take_variable(kSockets), zones = take_variable(kZones), link = take_variable(kLink);
  for (Str rest = sockets; !rest.empty();) {
    auto fd = parse_u64(cut(rest, ';'));
    if (fd && keep_to_ourselves(static_cast<int>(*fd))) out.sockets.push_back(static_cast<int>(*fd));
  }
  take_zones(zones);
  if (auto fd = parse_u64(link); fd && keep_to_ourselves(static_cast<int>(*fd))) out.link = static_cast<int>(*fd);
  return out;
}

std::string key_of_socket(int fd, std::string& path) {
  sockaddr_storage ss{};
  socklen_t size = sizeof ss;
  if (!option(fd, SOL_SOCKET, SO_ACCEPTCONN) || getsockname(fd, reinterpret_cast<sockaddr*>(&ss), &size) != 0)
    return {};
  net::Addr addr = net::Addr::from(reinterpret_cast<sockaddr*>(&ss), size);
  Wish wish;
  net::FlatAddr flat = net::FlatAddr::of(addr);
  wish.family = addr.family;
  wish.port = addr.port;
  memcpy(wish.ip, flat.ip, sizeof wish.ip);
  if (addr.family == AF_UNIX) {
    auto& un = reinterpret_cast<sockaddr_un&>(ss);
    size_t length = size - offsetof(sockaddr_un, sun_path);
    wish.abstract = length > 0 && un.sun_path[0] == 0;
    Str name(un.sun_path + wish.abstract, length - wish.abstract);
    name = name.substr(0, name.find('\0'));
    wish.path_size = static_cast<uint16_t>(name.size());
    memcpy(wish.path, name.data(), name.size());
    if (!wish.abstract) path = name;
  }
  if (addr.family == AF_INET6) wish.v6only = option(fd, IPPROTO_IPV6, IPV6_V6ONLY);
  wish.transparent = addr.is_ip() && option(fd, SOL_IP, IP_TRANSPARENT);
  return wish.key();
}

pid_t start_program(char** argv, const std::vector<int>& sockets, int link) {
  pid_t pid = fork();
  if (pid != 0) return pid;
  unblock_signals();
  signal(SIGPIPE, SIG_DFL);
  std::string fds, zones;
  for (int fd : sockets) {
    share(fd);
    fds += fmt::format("{};", fd);
  }
  SharedZone::each([&](const SharedZone& zone) {
    if (zone.name.find(';') != std::string::npos) return;
    share(zone.fd);
    zones += fmt::format("{},{},{},{};", zone.fd, zone.layout, zone.size, zone.name);
  });
  share(link);
  setenv(kSockets, fds.c_str(), 1);
  setenv(kZones, zones.c_str(), 1);
  setenv(kLink, std::to_string(link).c_str(), 1);
  execvp(argv[0], argv);
  _exit(errno == ENOENT ? 127 : 126);
}

}  // namespace weir::master
