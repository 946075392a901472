// See haproxy/logging.h. A thread has one gathering buffer per descriptor and one datagram socket per family.
#include "haproxy/logging.h"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <ctime>
#include <iterator>
#include <mutex>
#include <vector>

#include "base/fault.h"
#include "haproxy/log_backend.h"
#include "haproxy/ring.h"
#include "net/loop.h"

namespace weir::haproxy {
namespace {

constexpr Str kLevels[] = {"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"};
constexpr Str kFacilities[] = {"kern",   "user",   "mail",   "daemon", "auth",   "syslog", "lpr",    "news",
                               "uucp",   "cron",   "auth2",  "ftp",    "ntp",    "audit",  "alert",  "cron2",
                               "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"};

constexpr size_t kGather = 16 * 1024;  // bytes that are written at once
constexpr size_t kMost = 4 * kGather;  // that are kept for a reader that does not read
constexpr uint64_t kDelayMs = 20;      // how long a line may wait

std::atomic<uint64_t> g_dropped{0};

int index_of(Str name, const Str* begin, const Str* end) {
  const Str* at = std::find(begin, end, name);
  return at == end ? -1 : static_cast<int>(at - begin);
}

// Lines for one descriptor, whose reader nobody waits for; a terminal, which others write to as well, stays as it is. Never destroyed:
// its timer may hang in the wheel of a loop that is gone first. Kept reachable.
class Gatherer final : public Timer {
 public:
  explicit Gatherer(int fd) : fd_(fd) {
    int flags = fcntl(fd, F_GETFL);
    if (flags >= 0 && !(flags & O_NONBLOCK) && !isatty(fd)) fcntl(fd, F_SETFL, flags | O_NONBLOCK);
  }
  int fd() const { return fd_; }

  void add(Str line, net::Loop* loop) {
    if (stalled_ && text_.size() + line.size() > kMost) {
      g_dropped.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    text_.append(line);
    if (!loop || (text_.size() >= kGather && !stalled_)) write_out();
    if (!text_.empty() && loop && !armed()) loop->arm(*this, kDelayMs);
  }
  void write_out() {
    size_t at = 0;
    stalled_ = false;
    while (at < text_.size() && !stalled_) {
      ssize_t n = fault::write(fault::Site::log_write, fd_, text_.data() + at, text_.size() - at);
      if (n > 0)
        at += static_cast<size_t>(n);
      else if (n < 0 && errno == EAGAIN)
        stalled_ = true;
      else if (n == 0 || errno != EINTR)
        at = text_.size();
    }
    text_.erase(0, at);
  }

 private:
  void on_timer() override {
    write_out();
    if (stalled_) net::Loop::current().arm(*this, kDelayMs);
  }
  int fd_;
  bool stalled_ = false;
  std::string text_;
};

// What keeps the gatherers of ended threads reachable; itself never destroyed.
struct Kept {
  std::mutex lock;
  std::vector<Gatherer*> gatherers;
};
Kept& kept() {
  static Kept& all = *new Kept;
  return all;
}

struct ThreadLogs {
  std::vector<Gatherer*> gatherers;
  int inet = -1;
  int inet6 = -1;
  int local = -1;
  time_t second = 0;  // of the texts below
  std::string bsd_time;
  std::string iso_time;

  ~ThreadLogs() {
    for (Gatherer* g : gatherers) g->write_out();
    for (int fd : {inet, inet6, local})
      if (fd >= 0) ::close(fd);
  }
  Gatherer& gatherer(int fd) {
    for (Gatherer* g : gatherers)
      if (g->fd() == fd) return *g;
    auto* g = new Gatherer(fd);
    gatherers.push_back(g);
    Kept& all = kept();
    std::lock_guard lock(all.lock);
    all.gatherers.push_back(g);
    return *g;
  }
  int& socket_for(int family) { return family == AF_INET ? inet : family == AF_INET6 ? inet6 : local; }
};
thread_local ThreadLogs t_logs;

void refresh_time(ThreadLogs& logs, const timeval& now) {
  if (logs.second == now.tv_sec) return;
  logs.second = now.tv_sec;
  tm t = {};
  localtime_r(&now.tv_sec, &t);
  constexpr Str kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  logs.bsd_time =
      fmt::format("{} {:2d} {:02d}:{:02d}:{:02d}", kMonths[t.tm_mon], t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec);
  long offset = t.tm_gmtoff / 60;
  char sign = offset < 0 ? '-' : '+';
  offset = std::labs(offset);
  logs.iso_time = fmt::format("{:04d}-{:02d}-{:02d}T{:02d}:{:02d}:{:02d}|{}{:02d}:{:02d}", t.tm_year + 1900,
                              t.tm_mon + 1, t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec, sign, offset / 60, offset % 60);
}

void append_iso(std::string& out, const ThreadLogs& logs, const timeval& now) {
  size_t bar = logs.iso_time.find('|');
  fmt::format_to(std::back_inserter(out), "{}.{:06d}{}", Str(logs.iso_time).substr(0, bar), now.tv_usec,
                 Str(logs.iso_time).substr(bar + 1));
}

void append_header(std::string& out, const LogTarget& t, SyslogFormat format, uint8_t level, const LogHeader& h) {
  auto put = std::back_inserter(out);
  unsigned priority = static_cast<unsigned>(t.facility) * 8 + level;
  if (format == SyslogFormat::unspecified) format = h.hostname.empty() ? SyslogFormat::local : SyslogFormat::rfc3164;
  if (format == SyslogFormat::raw) return;
  if (format == SyslogFormat::shortened || format == SyslogFormat::priority) {
    fmt::format_to(put, "<{}>", format == SyslogFormat::shortened ? level : priority);
    return;
  }
  timeval now = {};
  gettimeofday(&now, nullptr);
  refresh_time(t_logs, now);
  switch (format) {
    case SyslogFormat::timed:
    case SyslogFormat::iso:
      if (format == SyslogFormat::timed) fmt::format_to(put, "<{}>", level);
      append_iso(out, t_logs, now);
      out += ' ';
      return;
    case SyslogFormat::rfc5424:
      fmt::format_to(put, "<{}>1 ", priority);
      append_iso(out, t_logs, now);
      fmt::format_to(put, " {} {} {} - {} ", h.hostname.empty() ? Str("-") : h.hostname, h.tag, getpid(),
                     h.structured.empty() ? Str("-") : h.structured);
      return;
    default:
      fmt::format_to(put, "<{}>{} ", priority, t_logs.bsd_time);
      if (format == SyslogFormat::rfc3164)
        fmt::format_to(put, "{} ", h.hostname.empty() ? Str("localhost") : h.hostname);
      fmt::format_to(put, "{}[{}]: ", h.tag, getpid());
  }
}

void send_datagram(const LogTarget& t, Str line) {
  int& fd = t_logs.socket_for(t.addr.family);
  if (fd < 0) {
    fd = fault::socket(fault::Site::log_socket, t.addr.family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return;
  }
  sockaddr_storage ss;
  socklen_t size = t.addr.to(ss);
  iovec iov = {const_cast<char*>(line.data()), line.size()};
  msghdr m = {};
  m.msg_name = &ss;
  m.msg_namelen = size;
  m.msg_iov = &iov;
  m.msg_iovlen = 1;
  ssize_t sent = fault::sendmsg(fault::Site::log_send, fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent < 0)
    g_dropped.fetch_add(1, std::memory_order_relaxed);  // a log that nobody takes is lost, as with the product
}

// What was lost is told as soon as there is room again.
void write_to_ring(const LogTarget& t, Str line, const LogHeader& header) {
  MessageRing& ring = *t.ring->messages;
  if (ring.dropped()) {
    std::string told;
    append_header(told, t, format_of(t), kLevelNotice, header);
    uint64_t lost = ring.take_dropped();
    fmt::format_to(std::back_inserter(told), "{} event{} dropped", lost, lost == 1 ? "" : "s");
    if (!ring.write(told)) return ring.count_dropped(lost);  // and that it could not be told
  }
  if (!ring.write(line)) g_dropped.fetch_add(1, std::memory_order_relaxed);
}

// Every sample_size-th run of messages keeps those whose number is in a range.
bool sampled_out(const LogTarget& t) {
  if (!t.sample_size) return false;
  uint32_t number = t.seen->fetch_add(1, std::memory_order_relaxed) % t.sample_size + 1;
  for (const LogTarget::Range& r : t.sample)
    if (number >= r.low && number <= r.high) return false;
  return true;
}

}  // namespace

int log_level(Str name) {
  return index_of(name, std::begin(kLevels), std::end(kLevels));
}

int log_facility(Str name) {
  return index_of(name, std::begin(kFacilities), std::end(kFacilities));
}

bool takes_log(const LogTarget& target, uint8_t level) {
  return level <= target.level && !sampled_out(target);
}

SyslogFormat format_of(const LogTarget& t) {
  bool own = t.ring && t.ring->format != SyslogFormat::unspecified;
  return own ? t.ring->format : t.format;
}

void deliver_log(const LogTarget& target, std::string& line, size_t message, const LogHeader& header) {
  if (target.via == LogTarget::Via::backend) {
    const LogTarget* to = target.backend->pick(Str(line).substr(message));
    if (!to) {
      g_dropped.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    if (line.size() > target.max_length - 1) line.resize(target.max_length - 1);
    return deliver_log(*to, line, message, header);
  }
  uint32_t most = target.ring ? std::min(target.max_length - 1, target.ring->max_length) : target.max_length - 1;
  if (line.size() > most) line.resize(most);
  if (target.via == LogTarget::Via::ring) return write_to_ring(target, line, header);
  line += '\n';
  if (target.via == LogTarget::Via::datagram) return send_datagram(target, line);
  t_logs.gatherer(target.fd).add(line, net::Loop::has_current() ? &net::Loop::current() : nullptr);
}

uint64_t dropped_logs() {
  return g_dropped.load(std::memory_order_relaxed);
}

void send_log(const LogTarget& target, uint8_t level, const LogHeader& header, Str message) {
  if (!takes_log(target, level)) return;
  thread_local std::string line;
  line.clear();
  append_header(line, target, format_of(target), std::max(level, target.min_level), header);
  size_t at = line.size();
  line.append(message);
  deliver_log(target, line, at, header);
}

void flush_logs() {
  for (Gatherer* g : t_logs.gatherers) g->write_out();
}

}  // namespace weir::haproxy
