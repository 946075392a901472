// See nginx/syslog.h.
#include "nginx/syslog.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>

#include "base/fault.h"

namespace weir::nginx {
namespace {

constexpr Str kFacilities[] = {"kern",   "user",   "mail",     "daemon", "auth",   "intern", "lpr",    "news",
                               "uucp",   "clock",  "authpriv", "ftp",    "ntp",    "audit",  "alert",  "cron",
                               "local0", "local1", "local2",   "local3", "local4", "local5", "local6", "local7"};
constexpr Str kSeverities[] = {"emerg", "alert", "crit", "error", "warn", "notice", "info", "debug"};
constexpr uint16_t kPort = 514;
constexpr size_t kLongestTag = 32;

struct Parser {
  Scope& scope;
  config::Where where;
  Syslog& to;
  bool server = false, facility = false, severity = false, tag = false, failed = false;

  void problem(std::string text, Str remedy = {}) {
    scope.error(where, std::move(text), std::string(remedy));
    failed = true;
  }

  template <size_t N>
  void choose(const Str (&names)[N], Str kind, Str value, bool& seen, int& out) {
    if (seen) return problem(fmt::format("duplicate syslog \"{}\"", kind));
    seen = true;
    auto it = std::find(std::begin(names), std::end(names), value);
    if (it == std::end(names)) return problem(fmt::format("unknown syslog {} \"{}\"", kind, value));
    out = static_cast<int>(it - std::begin(names));
  }

  void read_server(Str text) {
    if (server) return problem("duplicate syslog \"server\"");
    server = true;
    if (text.starts_with("unix:")) {
      Str path = scope.arena.dup(text.substr(5));
      to.addr.family = AF_UNIX;
      to.addr.path = path.data();
      to.addr.path_size = static_cast<uint16_t>(path.size());
      return;
    }
    uint16_t port = kPort;
    Str host = text;
    size_t colon = text.rfind(':');
    if (colon != Str::npos && text.find(']', colon) == Str::npos &&
        (text.starts_with("[") || text.find(':') == colon)) {
      auto n = parse_u64(text.substr(colon + 1));
      if (!n || *n == 0 || *n > 65535) return problem(fmt::format("invalid port in syslog server \"{}\"", text));
      port = static_cast<uint16_t>(*n);
      host = text.substr(0, colon);
    }
    if (host.empty()) return problem(fmt::format("no host in syslog server \"{}\"", text));
    if (!net::parse_ip(host, to.addr) && !resolve(host)) return;
    to.addr.port = port;
  }

  bool resolve(Str host) {
    if (scope.options.offline) return true;
    addrinfo hints{};
    hints.ai_socktype = SOCK_DGRAM;
    addrinfo* found = nullptr;
    if (getaddrinfo(std::string(host).c_str(), nullptr, &hints, &found) != 0 || !found) {
      problem(fmt::format("host not found in syslog server \"{}\"", host));
      return false;
    }
    to.addr = net::Addr::from(found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    return true;
  }

  void read_tag(Str text) {
    if (tag) return problem("duplicate syslog \"tag\"");
    tag = true;
    if (text.size() > kLongestTag) return problem("syslog tag length exceeds 32");
    auto fine = [](char c) { return is_digit(c) || c == '_' || (lower(c) >= 'a' && lower(c) <= 'z'); };
    if (!std::all_of(text.begin(), text.end(), fine))
      return problem("syslog \"tag\" only allows alphanumeric characters and underscore");
    to.tag = scope.arena.dup(text);
  }

  void read(Str word) {
    if (word.starts_with("server=")) return read_server(word.substr(7));
    if (word.starts_with("facility=")) return choose(kFacilities, "facility", word.substr(9), facility, to.facility);
    if (word.starts_with("severity=")) return choose(kSeverities, "severity", word.substr(9), severity, to.severity);
    if (word.starts_with("tag=")) return read_tag(word.substr(4));
    if (word == "nohostname") {
      to.with_host = false;
      return;
    }
    problem(fmt::format("unknown syslog parameter \"{}\"", word), "server=, facility=, severity=, tag= or nohostname");
  }
};

Str host_name() {
  static const std::string name = [] {
    char text[256] = "";
    gethostname(text, sizeof text - 1);
    return std::string(text);
  }();
  return name;
}

int connect_to(const Syslog& to) {
  sockaddr_storage address;
  socklen_t size = to.addr.to(address);
  int fd = fault::socket(fault::Site::log_socket, address.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  if (fault::connect(fault::Site::log_connect, fd, reinterpret_cast<sockaddr*>(&address), size) == 0) return fd;
  ::close(fd);
  return -1;
}

// Two threads may connect at once: the second one's socket is dropped.
int socket_of(const Syslog& to) {
  int fd = to.fd.load(std::memory_order_acquire);
  if (fd >= 0) return fd;
  int fresh = connect_to(to);
  if (fresh < 0) return -1;
  int none = -1;
  if (to.fd.compare_exchange_strong(none, fresh)) return fresh;
  ::close(fresh);
  return none;
}

}  // namespace

const Syslog* parse_syslog(Scope& scope, Str text, config::Where where) {
  auto* to = scope.arena.own<Syslog>();
  Parser parser{scope, where, *to};
  while (!text.empty() && !parser.failed) parser.read(cut(text, ','));
  if (!parser.server && !parser.failed) parser.problem("no syslog server specified", "add server=ADDRESS");
  return parser.failed ? nullptr : to;
}

const Syslog* copy_syslog(Arena& arena, const Syslog& from) {
  auto* to = arena.own<Syslog>();
  to->addr = from.addr;
  if (from.addr.family == AF_UNIX) to->addr.path = arena.dup({from.addr.path, from.addr.path_size}).data();
  to->facility = from.facility;
  to->severity = from.severity;
  to->tag = arena.dup(from.tag);
  to->with_host = from.with_host;
  return to;
}

void send_syslog(const Syslog& to, int severity, Str message) {
  int fd = socket_of(to);
  if (fd < 0) return;
  time_t now = time(nullptr);
  tm t;
  localtime_r(&now, &t);
  char stamp[32];
  strftime(stamp, sizeof stamp, "%b %e %H:%M:%S", &t);
  std::string head = fmt::format("<{}>{} {}{}{}: ", to.facility * 8 + (severity < 0 ? to.severity : severity), stamp,
                                 to.with_host ? host_name() : Str{}, to.with_host ? " " : "", to.tag);
  iovec parts[2] = {{head.data(), head.size()}, {const_cast<char*>(message.data()), message.size()}};
  if (fault::writev(fault::Site::log_send, fd, parts, 2) >= 0 || errno == EAGAIN || errno == ENOBUFS ||
      errno == EMSGSIZE)
    return;
  // The server was restarted (a new socket at the same path): the next message connects anew. The descriptor stays open
  // for other threads until its number is replaced.
  int fresh = connect_to(to);
  if (fresh < 0) return;
  ::dup3(fresh, fd, O_CLOEXEC);
  ::close(fresh);
  if (fault::writev(fault::Site::log_send, fd, parts, 2) < 0) return;
}

}  // namespace weir::nginx
