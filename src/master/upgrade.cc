// See master/upgrade.h.
#include "master/upgrade.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/shared_zone.h"
#include "base/str.h"
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

pid_t start_program(char** argv, const std::vector<int>& sockets, int link, const rlimit& descriptors) {
  pid_t pid = fork();
  if (pid != 0) return pid;
  unblock_signals();
  signal(SIGPIPE, SIG_DFL);
  setrlimit(RLIMIT_NOFILE, &descriptors);
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
