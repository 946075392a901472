// The TLS half of net/conn.h: OpenSSL on the socket itself (socket BIO), handshake driven by the loop.
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>

#include "base/fault.h"
#include "net/conn.h"
#include "net/tls_counts.h"
#include "net/tls_wait.h"

namespace weir::net {

void Conn::start_tls(ssl_st* ssl, bool server) {
  ssl_ = ssl;
  g_tls_counts.now.fetch_add(1, std::memory_order_relaxed);
  g_tls_counts.ever.fetch_add(1, std::memory_order_relaxed);
  tls_ = Tls::handshake;
  tls_server_ = server;
  SSL_set_fd(ssl_, fd_);
  if (server) set_tls_conn(ssl_, this);
  fault::watch_tls(ssl_);
  if (server)
    SSL_set_accept_state(ssl_);
  else
    SSL_set_connect_state(ssl_);
  if (!connecting_) loop_->soon(this);
}

void Conn::tls_handshake() {
  ERR_clear_error();
  int r = SSL_do_handshake(ssl_);
  if (r == 1) {
    if (!tls_may_go_on(ssl_)) return;
    tls_ = Tls::open;
    readable_ = true;
    return on_connected();
  }
  int e = SSL_get_error(ssl_, r);
  if (e == SSL_ERROR_WANT_READ) {
    readable_ = false;
    return;
  }
  if (e == SSL_ERROR_WANT_WRITE) {
    writable_ = false;
    return;
  }
  if (e == SSL_ERROR_WANT_X509_LOOKUP) return;  // whoever looks says when to go on
  tls_ = Tls::failed;
  errno_ = e == SSL_ERROR_SYSCALL && errno ? errno : EPROTO;
  broken_ = true;
  on_broken();
}

Conn::Io Conn::tls_read(char* to, size_t size, size_t& got) {
  if (tls_ == Tls::handshake) {
    tls_handshake();
    if (fd_ < 0) return Io::error;
    if (tls_ != Tls::open) return Io::again;
  }
  if (tls_ != Tls::open) return Io::error;
  ERR_clear_error();
  int n = SSL_read(ssl_, to, static_cast<int>(std::min<size_t>(size, INT32_MAX)));
  if (n > 0) {
    got = static_cast<size_t>(n);
    bytes_in += got;
    return Io::ok;
  }
  int e = SSL_get_error(ssl_, n);
  if (e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE) {
    readable_ = false;
    return Io::again;
  }
  if (e == SSL_ERROR_ZERO_RETURN) return Io::eof;
  readable_ = false;
  if (e == SSL_ERROR_SYSCALL && errno == 0) return Io::eof;
  // A peer that leaves without close_notify: the message framing above decides whether something is missing.
  if (e == SSL_ERROR_SSL && ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING) return Io::eof;
  errno_ = e == SSL_ERROR_SYSCALL ? errno : EPROTO;
  return Io::error;
}

ssize_t Conn::tls_send(const iovec* iov, int count) {
  // One record for a head and the first body bytes: short spans are joined before they are encrypted. What OpenSSL did not
  // get rid of has to be offered again at the same length or longer, and the rest lies in Bufs by then.
  constexpr size_t kJoin = sizeof(Buf::data);
  char joined[kJoin];
  ssize_t sent = 0;
  int i = 0;
  size_t skip = 0;
  while (i < count) {
    const char* p = static_cast<const char*>(iov[i].iov_base) + skip;
    size_t n = std::min(iov[i].iov_len - skip, kJoin);
    int last = i;
    size_t last_skip = skip + n;
    if (n < 4096 && i + 1 < count) {
      n = 0;
      for (int k = i; k < count && n < kJoin; k++) {
        size_t from = k == i ? skip : 0;
        size_t part = std::min(iov[k].iov_len - from, kJoin - n);
        memcpy(joined + n, static_cast<const char*>(iov[k].iov_base) + from, part);
        n += part;
        last = k;
        last_skip = from + part;
      }
      p = joined;
    }
    ERR_clear_error();
    int r = SSL_write(ssl_, p, static_cast<int>(n));
    if (r <= 0) {
      int e = SSL_get_error(ssl_, r);
      bool again = e == SSL_ERROR_WANT_WRITE || e == SSL_ERROR_WANT_READ;
      errno_ = again ? EAGAIN : (e == SSL_ERROR_SYSCALL && errno ? errno : EPIPE);
      errno = errno_;
      return sent && again ? sent : -1;
    }
    sent += r;
    i = last;
    skip = last_skip;
    if (skip == iov[i].iov_len) {
      i++;
      skip = 0;
    }
  }
  return sent;
}

}  // namespace weir::net
