// See haproxy/ring_forwarder.h. Messages leave the ring when they are handed to a connection that takes them: those in the kernel's
// buffers are lost with the connection, as with any syslog over TCP.
#include "haproxy/ring_forwarder.h"

#include <fmt/format.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <iterator>

#include "base/fault.h"
#include "net/conn.h"
#include "net/tls_client.h"

namespace weir::haproxy {
namespace {
constexpr uint64_t kPauseMs = 1000;  // between two tries to connect
constexpr size_t kBatch = 16 * 1024;

uint32_t limit(uint32_t timeout) {
  return timeout == kForever ? 0 : timeout;
}
}  // namespace

class RingForwarder::Connection final : public net::Conn {
 public:
  Connection(net::Loop& loop, int fd, RingForwarder& owner) : Conn(loop, fd), owner_(owner) {}
  bool ready = false;

 private:
  void on_connected() override {
    ready = true;
    disarm();
    owner_.connected();
  }
  // A syslog server has nothing to say.
  void on_readable() override {
    size_t got = 0;
    Io io = Io::ok;
    while (io == Io::ok) io = read(loop().read_buffer(), net::Loop::kReadBuffer, got);
    if (io != Io::again) owner_.lost();
  }
  void on_blocked() override {
    if (uint32_t ms = limit(owner_.ring_.servers->s.timeouts.server)) arm(ms);
  }
  void on_drained() override {
    disarm();
    owner_.send_some();
  }
  void on_broken() override { owner_.lost(); }
  void on_timer() override { owner_.lost(); }

  RingForwarder& owner_;
};

RingForwarder::RingForwarder(Ring& ring, const model::Server& server)
    : ring_(ring),
      server_(server),
      octet_count_(static_cast<const ServerOptions*>(server.conf)->octet_count),
      max_reuse_(static_cast<const ServerOptions*>(server.conf)->max_reuse) {
  // What is written before the service starts is kept for it.
  ring.messages->attach(&at_, [this] { wake(); });
}

// On the thread of whoever writes.
void RingForwarder::wake() {
  proxy::Shard* shard = shard_.load();
  if (!shard || woken_.exchange(true)) return;
  shard->post([this] {
    woken_ = false;
    send_some();
  });
}

void RingForwarder::start(proxy::Shard& shard) {
  shard_ = &shard;
  open();
}

void RingForwarder::end() {
  ring_.messages->detach(&at_);
  if (proxy::Shard* shard = shard_.load()) shard->loop.disarm(*this);
  if (conn_) conn_->close();
  conn_ = nullptr;
}

void RingForwarder::open() {
  const net::Addr& addr = server_.address();
  auto retry = [this] { shard_.load()->loop.arm(*this, kPauseMs); };
  int fd = fault::socket(fault::Site::log_socket, addr.family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return retry();
  sockaddr_storage ss;
  socklen_t size = addr.to(ss);
  if (fault::connect(fault::Site::connect, fd, reinterpret_cast<sockaddr*>(&ss), size) != 0 && errno != EINPROGRESS) {
    ::close(fd);
    return retry();
  }
  conn_ = new Connection(shard_.load()->loop, fd, *this);
  conn_->set_peer(addr);
  if (!conn_->start(true)) return lost();
  if (uint32_t ms = limit(ring_.servers->s.timeouts.connect)) conn_->arm(ms);
  // Servers of ring sections are nobody's at run time: they stay as they were configured.
  ssl_ctx_st* context = server_.pool ? server_.tls_now() : server_.tls_mode > 0 ? server_.tls : nullptr;
  if (!context) return;
  SSL* ssl = net::make_tls_session({context, server_.sni, true, true});
  if (!ssl) return lost();
  conn_->start_tls(ssl, false);
}

void RingForwarder::connected() {
  sent_ = 0;
  send_some();
}

void RingForwarder::send_some() {
  std::string message, batch;
  while (conn_ && conn_->ready && !conn_->queued()) {
    batch.clear();
    bool last = false;
    while (!last && batch.size() < kBatch && ring_.messages->take(at_, message)) {
      if (octet_count_) fmt::format_to(std::back_inserter(batch), "{} ", message.size());
      batch.append(message);
      if (!octet_count_) batch += '\n';
      sent_++;
      last = max_reuse_ && sent_ > max_reuse_;
    }
    if (batch.empty()) return;
    if (!conn_->write(batch)) return;  // on_broken() follows
    if (!last) continue;
    conn_->shutdown_write();
    conn_->close();
    conn_ = nullptr;
    open();
  }
}

void RingForwarder::lost() {
  if (!conn_) return;
  bool served = conn_->ready && sent_;  // who takes nothing is not asked again at once
  conn_->close();
  conn_ = nullptr;
  shard_.load()->loop.arm(*this, served ? 0 : kPauseMs);
}

}  // namespace weir::haproxy
