// See master/sockets.h.
#include "master/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <unordered_set>

#include "base/fault.h"
#include "net/descriptor.h"
#include "proxy/personality.h"

namespace weir::master {
namespace {

constexpr int kNginxTries = 5;
constexpr useconds_t kNginxPause = 500000;
constexpr int kHaproxyTries = 100;  // with -sf and -st: until the old processes let go
constexpr useconds_t kHaproxyPause = 10000;

bool is_haproxy(const model::Listener& l, config::Dialect face) {
  return l.personality ? l.personality->name() == "haproxy" : face == config::Dialect::haproxy;
}

bool set(int fd, int level, int option, int value = 1) {
  return setsockopt(fd, level, option, &value, sizeof value) == 0;
}

Opened failed(int fd, const char* call) {
  Opened out{-1, errno, call};
  if (fd >= 0) close(fd);
  return out;
}

const char* set_options(int fd, const Wish& wish) {
  if (!wish.datagram) net::prepare_listening(fd, wish.socket);
  if (wish.family == AF_UNIX) return nullptr;
  if (!set(fd, SOL_SOCKET, SO_REUSEADDR)) return "setsockopt(SO_REUSEADDR)";
  if (wish.reuseport && !set(fd, SOL_SOCKET, SO_REUSEPORT)) return "setsockopt(SO_REUSEPORT)";
  if (wish.family == AF_INET6 && !set(fd, IPPROTO_IPV6, IPV6_V6ONLY, wish.v6only)) return "setsockopt(IPV6_V6ONLY)";
  if (wish.transparent && !set(fd, SOL_IP, IP_TRANSPARENT)) return "setsockopt(IP_TRANSPARENT)";
  // Without it the socket would be open to all: that is no reason for a warning alone.
  if (wish.interface[0] && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, wish.interface,
                                      static_cast<socklen_t>(strlen(wish.interface) + 1)) != 0)
    return "setsockopt(SO_BINDTODEVICE)";
  if (wish.datagram) return nullptr;
  set(fd, IPPROTO_TCP, TCP_NODELAY, !wish.socket.delays);
  if (wish.defer_accept) set(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, 1);
  return nullptr;
}

bool set_owner(const char* path, const Wish& wish) {
  if (wish.unix_mode >= 0 && chmod(path, static_cast<mode_t>(wish.unix_mode)) != 0) return false;
  if (wish.unix_mode < 0 && !wish.replace_path) chmod(path, 0666);
  if (wish.unix_uid < 0 && wish.unix_gid < 0) return true;
  return chown(path, static_cast<uid_t>(wish.unix_uid), static_cast<gid_t>(wish.unix_gid)) == 0;
}

// HAProxy's way: bound under another name and moved over the old one, so that the path always leads somewhere.
Opened open_replacing(int fd, const Wish& wish) {
  std::string path(wish.path, wish.path_size);
  std::string fresh = fmt::format("{}.{}.tmp", path, getpid());
  net::Addr addr = wish.addr();
  addr.path = fresh.data();
  addr.path_size = static_cast<uint16_t>(fresh.size());
  sockaddr_storage ss;
  socklen_t size = addr.to(ss);
  unlink(fresh.c_str());
  if (bind(fd, reinterpret_cast<sockaddr*>(&ss), size) != 0) return failed(fd, "bind");
  if (!set_owner(fresh.c_str(), wish) || listen(fd, wish.backlog) != 0 || rename(fresh.c_str(), path.c_str()) != 0) {
    Opened out = failed(fd, "listen");
    unlink(fresh.c_str());
    return out;
  }
  return {fd, 0, ""};
}

// A descriptor that somebody else opened for us.
bool adopt(model::Listener& l, Voice& voice) {
  int listening = 0;
  socklen_t size = sizeof listening;
  if (getsockopt(l.fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0) {
    voice.say(Level::alert, fmt::format("descriptor {} of {} is no socket: {}", l.fd, l.text, strerror(errno)));
    return false;
  }
  if (!l.pair && !l.datagram && !listening && listen(l.fd, l.backlog) != 0) {
    voice.say(Level::alert, fmt::format("cannot listen on descriptor {}: {}", l.fd, strerror(errno)));
    return false;
  }
  fcntl(l.fd, F_SETFL, fcntl(l.fd, F_GETFL) | O_NONBLOCK);
  if (l.pair || l.datagram) return true;
  set(l.fd, IPPROTO_TCP, TCP_NODELAY, !l.socket.delays);
  net::prepare_listening(l.fd, l.socket);  // whoever opened it has said the rest
  return true;
}

bool is_tcp(int fd) {
  int protocol = 0;
  socklen_t size = sizeof protocol;
  return getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) == 0 && protocol == IPPROTO_TCP;
}

void plan_connections(model::Model& model) {
  for (model::Listener* l : model.listeners) {
    if (l->socket == net::SocketOptions() || l->datagram) continue;
    const net::SocketOptions left = l->pair ? l->socket : net::left_to_connections(l->socket, is_tcp(l->fd));
    if (left != net::SocketOptions()) l->at_accept = model.arena.make<net::SocketOptions>(left);
  }
}

const char* protocol_name(const model::Listener& l) {
  bool v4 = l.addr.family == AF_INET;
  if (l.datagram) return v4 ? "udp4" : "udp6";
  return v4 ? "tcpv4" : "tcpv6";
}

std::string problem(const model::Listener& l, const Opened& opened, config::Dialect face) {
  const char* why = strerror(opened.error);
  if (!is_haproxy(l, face))
    return fmt::format("{}() to {} failed ({}: {})", opened.call, l.addr.text(), opened.error, why);
  bool ip = l.addr.is_ip();
  bool at_bind = strcmp(opened.call, "listen") != 0;
  std::string what = at_bind ? fmt::format("cannot bind {}socket ({})", ip ? "" : "UNIX ", why)
                             : fmt::format("cannot listen {} ({})", ip ? "to socket:" : "on UNIX socket", why);
  std::string at = l.where.source ? fmt::format(" [{}:{}]", l.where.source->path, l.where.line) : std::string();
  return fmt::format("Binding{} for {}: protocol {}: {} [{}].", at, l.owner, ip ? protocol_name(l) : "unix_stream",
                     what, l.addr.text());
}

struct Round {
  bool failed = false;  // something other than an address in use
  bool busy = false;
};

Round one_round(model::Model& model, Opener& opener, Voice& voice, bool tell) {
  Round round;
  for (model::Listener* l : model.listeners) {
    if (l->fd >= 0) continue;
    Opened opened = opener.open(Wish::of(*l, voice.face(), model.process.reuseport));
    l->fd = opened.fd;
    if (opened.fd >= 0) continue;
    (opened.error == EADDRINUSE ? round.busy : round.failed) = true;
    if (tell || opened.error != EADDRINUSE) voice.say(Level::emerg, problem(*l, opened, voice.face()));
  }
  return round;
}

}  // namespace

Wish Wish::of(const model::Listener& l, config::Dialect face, bool reuseport) {
  Wish w;
  w.family = l.addr.family;
  w.abstract = l.addr.abstract;
  w.exact = l.addr.exact;
  // HAProxy sets it always: the process that takes over binds while the old one still listens.
  w.replace_path = is_haproxy(l, face);
  w.reuseport = l.reuseport || (w.replace_path && reuseport);
  w.v6only = l.v6only;
  w.defer_accept = l.defer_accept;
  w.transparent = l.transparent;
  w.datagram = l.datagram;
  w.port = l.addr.port;
  w.backlog = l.backlog;
  w.unix_mode = l.unix_mode;
  w.unix_uid = l.unix_uid;
  w.unix_gid = l.unix_gid;
  if (l.addr.family == AF_INET) memcpy(w.ip, &l.addr.v4, 4);
  if (l.addr.family == AF_INET6) memcpy(w.ip, &l.addr.v6, 16);
  Str path = l.addr.unix_path();
  w.path_size = static_cast<uint16_t>(std::min(path.size(), kPath - 1));
  if (w.path_size) memcpy(w.path, path.data(), w.path_size);
  l.interface.copy(w.interface, sizeof w.interface - 1);
  w.socket = l.socket;
  return w;
}

net::Addr Wish::addr() const {
  net::Addr a;
  a.family = family;
  a.abstract = abstract;
  a.exact = exact;
  a.port = port;
  a.path_size = path_size;
  if (family == AF_INET) memcpy(&a.v4, ip, 4);
  if (family == AF_INET6) memcpy(&a.v6, ip, 16);
  if (family == AF_UNIX) a.path = path;
  return a;
}

std::string Wish::key() const {
  bool ip = family != AF_UNIX;
  std::string device = ip && interface[0] ? fmt::format(" {}", interface) : std::string();
  return fmt::format("{}{} {}{}{}", datagram ? "udp " : "", addr().text(), family == AF_INET6 && v6only,
                     ip && transparent, device);
}

Opened open_socket(const Wish& wish) {
  int fd = fault::socket(fault::Site::listen_socket, wish.family,
                         (wish.datagram ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return failed(fd, "socket");
  if (const char* call = set_options(fd, wish)) return failed(fd, call);
  bool path = wish.family == AF_UNIX && !wish.abstract;
  if (path && wish.replace_path) return open_replacing(fd, wish);
  sockaddr_storage ss;
  socklen_t size = wish.addr().to(ss);
  if (bind(fd, reinterpret_cast<sockaddr*>(&ss), size) != 0) return failed(fd, "bind");
  if (path && !set_owner(wish.path, wish)) return failed(fd, "chmod");
  if (!wish.datagram && listen(fd, wish.backlog) != 0) return failed(fd, "listen");
  return {fd, 0, ""};
}

void adjust_socket(int fd, const Wish& wish) {
  if (wish.family != AF_UNIX && wish.reuseport) set(fd, SOL_SOCKET, SO_REUSEPORT);
  if (wish.datagram) return;
  if (wish.family != AF_UNIX) {
    set(fd, IPPROTO_TCP, TCP_NODELAY, !wish.socket.delays);
    set(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, wish.defer_accept);
  }
  net::renew_listening(fd, wish.socket);
  listen(fd, wish.backlog);
}

Opened MasterOpener::open(const Wish& wish) {
  static thread_local char call[sizeof Packet::call];
  Packet packet;
  packet.type = Message::wish;
  packet.wish = wish;
  int fd = -1;
  if (!send_packet(channel_, packet) || !receive_packet(channel_, packet, fd)) return {-1, EPIPE, "bind"};
  memcpy(call, packet.call, sizeof call);
  return {fd, packet.error, call};
}

bool open_listeners(model::Model& model, Opener& opener, Voice& voice, const std::vector<pid_t>& old_pids) {
  std::unordered_set<int> inherited;
  for (model::Listener* l : model.listeners) {
    if (l->fd < 0) continue;
    if (!adopt(*l, voice)) return false;
    // A socket that two proxies name is watched by each of them on a descriptor of its own.
    if (!inherited.insert(l->fd).second) l->fd = fcntl(l->fd, F_DUPFD_CLOEXEC, 0);
  }
  bool haproxy = voice.face() == config::Dialect::haproxy;
  int tries = haproxy ? (old_pids.empty() ? 1 : kHaproxyTries) : kNginxTries;
  for (int i = 1;; i++) {
    Round round = one_round(model, opener, voice, !haproxy || i == tries);
    if (!round.busy && !round.failed) return plan_connections(model), true;
    if (round.failed || i == tries) break;
    if (!haproxy) voice.say(Level::notice, "try again to bind() after 500ms");
    for (pid_t pid : old_pids) kill(pid, SIGTTOU);
    usleep(haproxy ? kHaproxyPause : kNginxPause);
  }
  if (haproxy)
    voice.say(Level::alert, "[haproxy.main()] Some protocols failed to start their listeners! Exiting.");
  else
    voice.say(Level::emerg, "still could not bind()");
  for (pid_t pid : old_pids) kill(pid, SIGTTIN);
  return false;
}

void remove_paths(const model::Model& model, config::Dialect face) {
  for (const model::Listener* l : model.listeners)
    if (l->fd >= 0 && l->addr.family == AF_UNIX && !l->addr.abstract && !is_haproxy(*l, face))
      unlink(std::string(l->addr.unix_path()).c_str());
}

bool send_packet(int channel, const Packet& packet, int fd, int flags) {
  std::span<const int> fds(&fd, fd >= 0 ? 1 : 0);
  return net::send_descriptors(channel, &packet, sizeof packet, fds, flags) == static_cast<long>(sizeof packet);
}

bool receive_packet(int channel, Packet& packet, int& fd) {
  std::vector<int> fds;
  long n = net::receive_descriptors(channel, &packet, sizeof packet, 1, fds);
  fd = fds.empty() ? -1 : fds[0];
  if (n == static_cast<long>(sizeof packet)) return true;
  if (fd >= 0) close(fd);
  fd = -1;
  return false;
}

}  // namespace weir::master
