// Reading, writing and closing of net/conn.h. TLS is in net/tls_conn.cc.
#include "net/conn.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "base/fault.h"
#include "base/poison.h"
#include "net/tls_counts.h"
#include "net/tls_wait.h"

namespace weir::net {

namespace {

void free_tls(ssl_st* ssl) {
  set_tls_conn(ssl, nullptr);  // work for its handshake may hold it longer
  SSL_free(ssl);
  g_tls_counts.now.fetch_sub(1, std::memory_order_relaxed);
}

constexpr size_t kSmall = 4096;

struct BufPool {
  static constexpr int kMax = 256;  // 4 MiB a thread
  Buf* head = nullptr;
  int count = 0;
  ~BufPool() {
    while (head) {
      Buf* next = head->next;
      free(head);
      head = next;
    }
  }
};
thread_local BufPool t_bufs;

}  // namespace

Buf* Buf::take() {
  Buf* buf = t_bufs.head;
  if (buf) {
    t_bufs.head = buf->next;
    t_bufs.count--;
    unpoison_behind_link(buf, sizeof *buf);
  } else if (!(buf = static_cast<Buf*>(fault::malloc(fault::Site::alloc_buffer, sizeof(Buf))))) {
    return nullptr;
  }
  buf->next = nullptr;
  buf->begin = buf->end = 0;
  return buf;
}

void Buf::give(Buf* buf) {
  if (t_bufs.count >= BufPool::kMax) return free(buf);
  buf->next = t_bufs.head;
  t_bufs.head = buf;
  t_bufs.count++;
  poison_behind_link(buf, sizeof *buf);
}

bool BufQueue::append(const char* p, size_t n) {
  while (n) {
    if (!tail_ || tail_->end == sizeof tail_->data) {
      Buf* buf = Buf::take();
      if (!buf) return false;
      (tail_ ? tail_->next : head_) = buf;
      tail_ = buf;
    }
    size_t room = std::min(n, sizeof tail_->data - tail_->end);
    memcpy(tail_->data + tail_->end, p, room);
    tail_->end += static_cast<uint32_t>(room);
    size_ += room;
    p += room;
    n -= room;
  }
  return true;
}

int BufQueue::spans(iovec* out, int max) const {
  int n = 0;
  for (Buf* b = head_; b && n < max; b = b->next) out[n++] = {b->data + b->begin, b->end - b->begin};
  return n;
}

void BufQueue::consume(size_t n) {
  size_ -= n;
  while (n) {
    size_t part = std::min<size_t>(n, head_->end - head_->begin);
    head_->begin += static_cast<uint32_t>(part);
    n -= part;
    if (head_->begin < head_->end) break;
    Buf* next = head_->next;
    Buf::give(head_);
    head_ = next;
  }
  if (!head_) tail_ = nullptr;
}

size_t BufQueue::take(char* out, size_t n) {
  size_t done = 0;
  while (done < n && head_) {
    Str part = front().substr(0, n - done);
    memcpy(out + done, part.data(), part.size());
    done += part.size();
    consume(part.size());
  }
  return done;
}

void BufQueue::clear() {
  while (head_) {
    Buf* next = head_->next;
    Buf::give(head_);
    head_ = next;
  }
  tail_ = nullptr;
  size_ = 0;
}

Conn::~Conn() {
  if (ssl_) free_tls(ssl_);
  if (fd_ >= 0) ::close(fd_);
}

Addr local_address(int fd) {
  sockaddr_storage ss;
  socklen_t len = sizeof ss;
  if (fd < 0 || getsockname(fd, reinterpret_cast<sockaddr*>(&ss), &len) != 0) return {};
  return Addr::from(reinterpret_cast<sockaddr*>(&ss), len);
}

Addr Conn::local() const {
  return local_address(fd_);
}

bool Conn::start(bool connecting) {
  connecting_ = connecting;
  writable_ = !connecting;
  return loop_->add(fd_, this, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
}

void Conn::on_io(uint32_t events) {
  if (fd_ < 0) return;
  if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) readable_ = true;
  if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) rdhup_ = true;
  if (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) writable_ = true;
  if (connecting_ && writable_) {
    int error = 0;
    socklen_t len = sizeof error;
    getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &len);
    if (error) {
      connecting_ = false;
      errno_ = error;
      broken_ = true;
      return on_broken();
    }
    if (broken_ || !on_open()) return;
    connecting_ = false;
    if (tls_ == Tls::off) on_connected();
    if (fd_ < 0) return;
  }
  if (tls_ == Tls::handshake) {
    if (!connecting_) tls_handshake();
    if (fd_ < 0 || tls_ != Tls::open) return;
  }
  if (writable_ && (!out_.empty() || file_.left)) drain();
  if (fd_ >= 0 && readable_) on_readable();
}

void Conn::run_task() {
  if (fd_ < 0) return;
  if (broken_) return on_broken();
  if (pace_ && writable_ && (!out_.empty() || file_.left)) {
    drain();
    if (fd_ < 0) return;
  }
  on_readable();
}

Conn::Io Conn::read(char* to, size_t size, size_t& got) {
  got = 0;
  if (fd_ < 0) return Io::error;
  if (tls_ != Tls::off) return tls_read(to, size, got);
  for (;;) {
    ssize_t n = fault::recv(fault::Site::recv, fd_, to, size, 0);
    if (n > 0) {
      got = static_cast<size_t>(n);
      bytes_in += got;
      // Less than asked for: the socket is empty now, and the next edge tells. Not so when the end may be behind the data.
      readable_ = got == size || rdhup_;
      return Io::ok;
    }
    if (n == 0) return Io::eof;
    if (errno == EINTR) continue;
    readable_ = false;
    if (errno == EAGAIN) return Io::again;
    errno_ = errno;
    return Io::error;
  }
}

void Conn::send_plain(Str data) {
  ssize_t n = fault::send(fault::Site::send, fd_, data.data(), data.size(), MSG_NOSIGNAL);
  if (n != static_cast<ssize_t>(data.size())) return fail(n < 0 ? errno : EPIPE);
  bytes_out += data.size();
}

Conn::Io Conn::peek(char* to, size_t size, size_t& got) {
  ssize_t n;
  do n = fault::recv(fault::Site::recv, fd_, to, size, MSG_PEEK);
  while (n < 0 && errno == EINTR);
  got = n > 0 ? static_cast<size_t>(n) : 0;
  if (n >= 0) return n ? Io::ok : Io::eof;
  errno_ = errno;
  if (errno != EAGAIN) return Io::error;
  readable_ = false;
  return Io::again;
}

char* Conn::prepare(size_t size) {
  char* p = loop_->scratch(this);
  if (loop_->scratch_used + size > Loop::kWriteScratch) {
    flush();
    p = loop_->scratch(this);
  }
  return p;
}

bool Conn::flush() {
  if (loop_->scratch_owner() != this) return !broken_;
  iovec iov{const_cast<char*>(loop_->scratch_data()), loop_->scratch_used};
  loop_->release_scratch();
  return iov.iov_len == 0 || send_all(&iov, 1, iov.iov_len);
}

bool Conn::write(Str data) {
  // A small piece behind a head goes out with it in one plain send: cheaper than gathering it from two places.
  if (data.size() <= kSmall && loop_->scratch_owner() == this &&
      loop_->scratch_used + data.size() <= Loop::kWriteScratch) {
    memcpy(loop_->scratch(this), data.data(), data.size());
    commit(data.size());
    return !broken_;
  }
  iovec iov{const_cast<char*>(data.data()), data.size()};
  return write(&iov, 1);
}

bool Conn::write(const iovec* iov, int count) {
  iovec all[8];
  int n = 0;
  size_t total = 0;
  if (loop_->scratch_owner() == this) {
    if (loop_->scratch_used) all[n++] = {const_cast<char*>(loop_->scratch_data()), loop_->scratch_used};
    loop_->release_scratch();
  }
  for (int i = 0; i < count && n < 8; i++)
    if (iov[i].iov_len) all[n++] = iov[i];
  for (int i = 0; i < n; i++) total += all[i].iov_len;
  return total == 0 || send_all(all, n, total);
}

bool Conn::send_all(const iovec* iov, int count, size_t total) {
  if (fd_ < 0 || broken_) return false;
  size_t done = 0;
  bytes_out += total;
  if (out_.empty() && !file_.left && writable_ && !connecting_ && tls_ != Tls::handshake && !pace_) {
    ssize_t n = send_some(iov, count);
    if (n < 0) {
      if (errno_ != EAGAIN) {
        fail(errno_);
        return false;
      }
    } else {
      done = static_cast<size_t>(n);
    }
    if (done < total) writable_ = false;
  }
  if (done == total) return true;
  bool first = out_.empty();
  for (int i = 0; i < count; i++) {
    size_t sent = std::min(done, iov[i].iov_len);
    done -= sent;
    if (sent == iov[i].iov_len) continue;
    if (out_.append(static_cast<const char*>(iov[i].iov_base) + sent, iov[i].iov_len - sent)) continue;
    fail(ENOMEM);
    return false;
  }
  if (first) on_blocked();
  if (pace_) loop_->soon(this);
  return true;
}

void Conn::go_on() {
  if (fd_ >= 0 && writable_ && (!out_.empty() || file_.left)) drain();
}

size_t Conn::gathered() const {
  return loop_->scratch_owner() == this ? loop_->scratch_used : 0;
}

namespace {
// Shortens what is written at once to `most` bytes.
int cut(iovec* iov, int count, uint64_t most) {
  for (int i = 0; i < count; i++) {
    iov[i].iov_len = static_cast<size_t>(std::min<uint64_t>(iov[i].iov_len, most));
    most -= iov[i].iov_len;
    if (!most) return i + 1;
  }
  return count;
}
}  // namespace

ssize_t Conn::send_some(const iovec* iov, int count) {
  if (tls_ != Tls::off) return tls_send(iov, count);
  for (;;) {
    ssize_t n;
    if (count == 1) {
      n = fault::send(fault::Site::send, fd_, iov->iov_base, iov->iov_len, MSG_NOSIGNAL);
    } else {
      msghdr msg{};
      msg.msg_iov = const_cast<iovec*>(iov);
      msg.msg_iovlen = static_cast<size_t>(count);
      n = fault::sendmsg(fault::Site::sendmsg, fd_, &msg, MSG_NOSIGNAL);
    }
    if (n >= 0) return n;
    if (errno == EINTR) continue;
    errno_ =
        errno == EINPROGRESS ? EAGAIN : errno;  // Fast Open that the kernel gives up: the SYN has gone without data
    return -1;
  }
}

void Conn::drain() {
  while (!out_.empty()) {
    iovec iov[16];
    int count = out_.spans(iov, 16);
    if (pace_) {
      const uint64_t most = pace_->allowance();
      if (!most) return;
      count = cut(iov, count, most);
    }
    ssize_t n = send_some(iov, count);
    if (n < 0) {
      if (errno_ != EAGAIN) return fail(errno_);
      writable_ = false;
      return;
    }
    if (pace_) pace_->sent(static_cast<uint64_t>(n));
    size_t wanted = 0;
    for (int i = 0; i < count; i++) wanted += iov[i].iov_len;
    out_.consume(static_cast<size_t>(n));
    on_progress();
    if (static_cast<size_t>(n) < wanted) {
      writable_ = false;
      return;
    }
  }
  if (!drain_file()) return;
  if (want_shutdown_) shutdown_write();
  on_drained();
}

bool Conn::drain_file() {
  while (file_.left) {
    size_t part = std::min<uint64_t>(file_.left, 1 << 20);
    if (pace_) {
      part = static_cast<size_t>(std::min<uint64_t>(part, pace_->allowance()));
      if (!part) return false;
    }
    ssize_t n;
    if (tls_ == Tls::off) {
      n = fault::sendfile(fault::Site::sendfile, fd_, file_.fd, &file_.offset, part);
    } else {
      char* buf = loop_->read_buffer();
      n = fault::pread(fault::Site::file_read, file_.fd, buf, std::min(part, Loop::kReadBuffer / 4), file_.offset);
      if (n > 0) {
        iovec iov{buf, static_cast<size_t>(n)};
        n = tls_send(&iov, 1);
        if (n > 0) file_.offset += n;
      }
    }
    if (n > 0) {
      file_.left -= static_cast<uint64_t>(n);
      if (pace_) pace_->sent(static_cast<uint64_t>(n));
      on_progress();
      continue;
    }
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) {
      writable_ = false;
      return false;
    }
    fail(n == 0 ? EIO : errno);  // 0: the file was cut short under us
    return false;
  }
  return true;
}

bool Conn::write_file(const FileSpan& file) {
  if (!flush() || broken_) return false;
  bytes_out += file.left;
  file_ = file;
  if (pace_) {
    loop_->soon(this);
  } else if (out_.empty() && writable_ && tls_ != Tls::handshake) {
    if (drain_file() && want_shutdown_) shutdown_write();
  }
  if (file_.left) on_blocked();
  return !broken_;
}

void Conn::fail(int error) {
  errno_ = error;
  broken_ = true;
  out_.clear();
  file_ = {};
  loop_->soon(this);
}

void Conn::shutdown_write() {
  flush();
  if (fd_ < 0 || broken_) return;
  if (!out_.empty() || file_.left) {
    want_shutdown_ = true;
    return;
  }
  want_shutdown_ = false;
  if (tls_ == Tls::open) SSL_shutdown(ssl_);
  ::shutdown(fd_, SHUT_WR);
}

void Conn::close() {
  if (fd_ < 0) return;
  flush();
  if (tls_ == Tls::open && !broken_) SSL_shutdown(ssl_);
  if (loop_->scratch_owner() == this) loop_->release_scratch();
  TimerLink::unlink();
  TaskLink::unlink();
  ::close(fd_);
  fd_ = -1;
  loop_->retire(this);
}

void Conn::Detached::drop() const {
  if (ssl) free_tls(ssl);
  if (fd >= 0) ::close(fd);
}

Conn::Detached Conn::detach() {
  flush();
  loop_->remove(fd_);
  TimerLink::unlink();
  TaskLink::unlink();
  Detached d{fd_, ssl_, bytes_in, bytes_out};
  fd_ = -1;
  ssl_ = nullptr;
  loop_->retire(this);
  return d;
}

bool Conn::adopt(const Detached& d) {
  ssl_ = d.ssl;
  if (ssl_) tls_ = Tls::open;
  bytes_in = d.bytes_in;
  bytes_out = d.bytes_out;
  return start(false);
}

// A socket in repair mode is forgotten without a word, which needs a privilege; else the reset stays in the first network.
void Conn::vanish() {
  if (fd_ < 0) return;
  int one = 1;
  if (peer_.is_ip() && setsockopt(fd_, IPPROTO_TCP, TCP_REPAIR, &one, sizeof one) != 0) {
    setsockopt(fd_, IPPROTO_IP, IP_TTL, &one, sizeof one);
    if (peer_.family == AF_INET6) setsockopt(fd_, IPPROTO_IPV6, IPV6_UNICAST_HOPS, &one, sizeof one);
  }
  reset();
}

void Conn::reset() {
  if (fd_ < 0) return;
  if (peer_.is_ip()) {
    linger hard{1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  }
  broken_ = true;
  if (loop_->scratch_owner() == this) loop_->release_scratch();
  close();
}

}  // namespace weir::net
