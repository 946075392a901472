// See proxy/acceptor.h. Few connections per event: what is open is answered before more is taken in, and where one came alone
// nobody has to be asked for a second one. When descriptors run out, accepting pauses instead of spinning.
#include "proxy/acceptor.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fault.h"
#include "net/descriptor.h"
#include "net/socket_options.h"
#include "proxy/shard.h"

namespace weir::proxy {

namespace {
constexpr uint32_t kLast = 64;
constexpr uint64_t kPauseMs = 100;
constexpr uint64_t kDeafMs = 20;
constexpr uint32_t kDeafTold = 50;
}  // namespace

bool Acceptor::start() {
  // Level-triggered and exclusive: a connection left in the queue wakes somebody again.
  on_ = shard_.loop.add(listener_.fd, this, EPOLLIN | EPOLLEXCLUSIVE);
  return on_;
}

void Acceptor::stop() {
  resume();
  if (on_) shard_.loop.remove(listener_.fd);
  on_ = false;
  shard_.loop.disarm(*this);
}

void Acceptor::on_io(uint32_t) {
  if (on_) accept_some(shard_.model.process.accepts);
}

// What limits leave in the queue stays there.
void Acceptor::accept_last() {
  const bool on = on_;
  stop();
  if (on) accept_some(kLast);
}

// The kernel looks into a queue when somebody begins to wait there.
void Acceptor::look_again() {
  if (!on_) return;
  shard_.loop.remove(listener_.fd);
  on_ = false;
  on_timer();
}

void Acceptor::on_timer() {
  if (start()) return;
  shard_.complain(listener_, errno, "epoll_ctl() failed");
  shard_.loop.arm(*this, kPauseMs);
}

bool Acceptor::full() const {
  if (const model::FrontLimits* front = listener_.front_limits) {
    int64_t most = front->max_conns.load(std::memory_order_relaxed);
    // As in HAProxy, each process has its own: those that drain hold places that nobody here could wait for.
    if (most >= 0 && listener_.connections->current.own() >= most) return true;
  }
  if (const model::ListenerPlaces* own = listener_.places; own && own->taken.load() >= own->most) return true;
  return shard_.waits_at_limit() && shard_.full();
}

// Until the limits of a second's connections let another one in; 0: now.
uint32_t Acceptor::wait_ms() const {
  uint64_t now = shard_.loop.now();
  const stats::Limits& all = shard_.crew.limits;
  uint32_t ms = std::max(all.connections.wait_ms(now), all.sessions.wait_ms(now));
  if (listener_.tls) ms = std::max(ms, all.tls_sessions.wait_ms(now));
  const model::FrontLimits* front = listener_.front_limits;
  if (uint32_t most = front ? front->max_rate.load(std::memory_order_relaxed) : 0)
    ms = std::max(ms, stats::pause_ms(listener_.connections->rate.read(now), most));
  return ms;
}

bool Acceptor::refused(const net::Addr& from) const {
  constexpr uint16_t kFirstUnprivileged = 1024;
  return shard_.model.process.refuses_privileged_ports && from.is_ip() && from.port > 0 &&
         from.port < kFirstUnprivileged;
}

// Leaves what comes in the backlog for that time.
void Acceptor::rest(uint64_t ms) {
  shard_.loop.remove(listener_.fd);
  on_ = false;
  shard_.loop.arm(*this, ms);
}

// Leaves what comes in the backlog. The count of paused acceptors is raised before the limit is looked at again, so a
// connection that ends meanwhile is not missed.
void Acceptor::pause() {
  paused_ = true;
  shard_.crew.paused.fetch_add(1);
  shard_.loop.remove(listener_.fd);
  on_ = false;
  place_free();
}

void Acceptor::resume() {
  if (paused_) shard_.crew.paused.fetch_sub(1);
  paused_ = false;
}

void Acceptor::place_free() {
  if (!paused_ || full()) return;
  resume();
  on_timer();
}

void Acceptor::accept_some(uint32_t most) {
  for (uint32_t i = 0; i < most; i++) {
    if (full()) return pause();
    if (uint32_t ms = wait_ms()) return rest(ms);
    sockaddr_storage ss;
    ss.ss_family = AF_UNIX;  // of a pair
    socklen_t len = sizeof ss;
    int fd = listener_.pair ? net::receive_descriptor(listener_.fd)
                            : fault::accept4(fault::Site::accept, listener_.fd, reinterpret_cast<sockaddr*>(&ss), &len,
                                             SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      deaf_ = 0;
      if (listener_.at_accept) net::prepare_accepted(fd, *listener_.at_accept);
      net::Addr from = net::Addr::from(reinterpret_cast<sockaddr*>(&ss), len);
      if (refused(from))
        ::close(fd);
      else
        shard_.accepted(listener_, fd, from);
      continue;
    }
    if (errno == EINTR || errno == ECONNABORTED) continue;
    if (errno == ECONNRESET) return stop();  // a pair's other side has gone
    int why = errno;
    // It does not listen: another process has paused it, or is about to open it again.
    if (why == EINVAL && ++deaf_ != kDeafTold) return rest(kDeafMs);
    if (why != EAGAIN) shard_.complain(listener_, why, "accept4() failed");
    if (why == EMFILE || why == ENFILE || why == ENOBUFS || why == ENOMEM || why == EINVAL) rest(kPauseMs);
    return;
  }
}

}  // namespace weir::proxy
