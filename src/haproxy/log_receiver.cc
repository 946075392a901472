// See haproxy/log_receiver.h.
#include "haproxy/log_receiver.h"

#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "base/fault.h"
#include "haproxy/global.h"
#include "haproxy/syslog_message.h"

namespace weir::haproxy {
namespace {

constexpr int kBatch = 64;  // datagrams before others have their turn
constexpr size_t kDigits = 8;

// A client's connection. Its bytes wait here until a message is whole.
class Stream final : public net::Conn {
 public:
  Stream(net::Loop& loop, int fd, LogReceiver& owner) : Conn(loop, fd), owner_(owner) {}
  ~Stream() override { owner_.gone(*this); }
  void wait() {
    if (uint32_t ms = owner_.conf().proxy->s.timeouts.client; ms != kForever && ms) arm(ms);
  }

 private:
  void on_readable() override {
    size_t got = 0;
    Io io = Io::ok;
    while ((io = read(loop().read_buffer(), net::Loop::kReadBuffer, got)) == Io::ok) {
      waiting_.append(loop().read_buffer(), got);
      if (!pass_on()) return close();
    }
    if (io != Io::again) return close();
    wait();
  }
  // False: these are no syslog messages.
  bool pass_on() {
    size_t at = 0;
    for (;;) {
      Str message;
      size_t used = 0;
      Framed found = next_message(Str(waiting_).substr(at), owner_.conf().lines, owner_.longest(), message, used);
      if (found == Framed::bad) return false;
      if (found == Framed::more) break;
      owner_.forward(message, peer());
      at += used;
    }
    waiting_.erase(0, at);
    return true;
  }
  void on_broken() override { close(); }
  void on_timer() override { close(); }

  LogReceiver& owner_;
  std::string waiting_;
};

}  // namespace

class LogReceiver::Datagrams final : public net::IoHandler {
 public:
  Datagrams(proxy::Shard& shard, const LogReceiver& owner, int fd) : shard_(shard), owner_(owner), fd_(fd) {
    shard_.loop.add(fd_, this, EPOLLIN);
  }
  ~Datagrams() { shard_.loop.remove(fd_); }

 private:
  void on_io(uint32_t) override {
    char* buffer = shard_.loop.read_buffer();
    for (int i = 0; i < kBatch; i++) {
      sockaddr_storage from = {};
      socklen_t size = sizeof from;
      ssize_t n =
          recvfrom(fd_, buffer, net::Loop::kReadBuffer, MSG_DONTWAIT, reinterpret_cast<sockaddr*>(&from), &size);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return;
      Str message(buffer, static_cast<size_t>(n));
      while (message.ends_with('\n') || message.ends_with('\0')) message.remove_suffix(1);
      if (!message.empty()) owner_.forward(message, net::Addr::from(reinterpret_cast<const sockaddr*>(&from), size));
    }
  }

  proxy::Shard& shard_;
  const LogReceiver& owner_;
  int fd_;
};

LogReceiver::LogReceiver(const Global& global, const LogForward& conf) : global_(global), conf_(conf) {}
LogReceiver::~LogReceiver() = default;

void LogReceiver::start(proxy::Shard& shard) {
  for (const model::Listener* l : conf_.datagrams)
    if (l->fd >= 0) sockets_.push_back(std::make_unique<Datagrams>(shard, *this, l->fd));
}

void LogReceiver::drain() {
  sockets_.clear();
}

size_t LogReceiver::longest() const {
  return std::max<size_t>(global_.tune_bufsize, 1024);
}

// All connections live on the first shard, whoever accepted them.
void LogReceiver::take(proxy::Shard& shard, const model::Listener& listener, int fd, const net::Addr& peer) {
  if (shard.index == 0) return open(shard, listener, fd, peer);
  bool sent = shard.post_to(0, [this, &listener, fd, peer](proxy::Shard& first) { open(first, listener, fd, peer); });
  if (!sent) ::close(fd);
}

void LogReceiver::open(proxy::Shard& shard, const model::Listener& listener, int fd, const net::Addr& peer) {
  if (ended_ || streams_.size() >= conf_.maxconn) {
    ::close(fd);
    return;
  }
  auto* stream = new Stream(shard.loop, fd, *this);
  streams_.push_back(stream);
  stream->set_peer(peer);
  if (!stream->start(false)) return stream->close();
  stream->wait();
  if (!listener.tls) return;
  if (SSL* ssl = SSL_new(listener.tls))
    stream->start_tls(ssl, true);
  else
    stream->close();
}

void LogReceiver::end() {
  drain();
  ended_ = true;
  for (net::Conn* stream : streams_)
    if (!stream->closed()) stream->close();
}

void LogReceiver::forward(Str bytes, const net::Addr& from) const {
  SyslogMessage m;
  m.text = bytes;
  if (!conf_.whole) m = parse_syslog(bytes);
  Arena arena;
  std::string sender(from.is_ip() ? from.ip_text(arena) : Str()), host(m.host);
  if (!sender.empty() && !conf_.whole) {
    if (conf_.host == HostRule::replace || (host.empty() && conf_.host != HostRule::keep))
      host = sender;
    else if (conf_.host == HostRule::append)
      host += "," + sender;
  }
  LogHeader own;
  own.tag = global_.log_tag;
  thread_local std::string line;
  for (const LogTarget* t : conf_.proxy->targets) {
    if (!takes_log(*t, m.level)) continue;
    SyslogMessage out = m;
    out.level = std::max(m.level, t->min_level);
    SyslogFormat format = format_of(*t);
    // Where the message's own format is kept, only a host that it has makes it one with a host.
    bool keeps = format == SyslogFormat::unspecified;
    if (!keeps || !m.host.empty()) out.host = host;
    line.clear();
    append_syslog_header(line, out, format, t->facility);
    size_t at = line.size();
    line.append(m.text);
    deliver_log(*t, line, at, own);
  }
}

Framed next_message(Str in, bool lines_only, size_t longest, Str& message, size_t& used) {
  if (in.empty()) return Framed::more;
  if (lines_only || in[0] == '<') {
    size_t end = in.find('\n');
    if (end == Str::npos) return in.size() > longest ? Framed::bad : Framed::more;
    if (end > longest) return Framed::bad;
    message = in.substr(0, end);
    if (message.ends_with('\r')) message.remove_suffix(1);
    used = end + 1;
    return Framed::message;
  }
  if (in[0] < '1' || in[0] > '9') return Framed::bad;
  size_t blank = in.find(' ');
  if (blank == Str::npos) return in.size() > kDigits ? Framed::bad : Framed::more;
  auto size = parse_u64(in.substr(0, blank));
  if (!size || *size > longest) return Framed::bad;
  used = blank + 1 + static_cast<size_t>(*size);
  if (in.size() < used) return Framed::more;
  message = in.substr(blank + 1, static_cast<size_t>(*size));
  return Framed::message;
}

}  // namespace weir::haproxy
