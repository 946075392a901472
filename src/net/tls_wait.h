#pragma once
// Handshakes of clients that wait for something besides the client: a certificate that is read, somebody else's judgement.
#include <functional>
#include <memory>

struct ssl_ctx_st;
struct ssl_st;

namespace weir::net {

class Conn;
class Loop;

// Work for a handshake, on the thread pool. Made in one of its callbacks on the loop's thread; when it is done, the handshake
// goes on, and the callback is called again. A connection that ends meanwhile does not wait for it.
class TlsWork {
 public:
  virtual ~TlsWork() = default;
  virtual void run() = 0;  // on a thread of the pool
  bool done() const { return done_; }

  // Starts it; the session keeps it.
  static void start(ssl_st* ssl, std::shared_ptr<TlsWork> work);
  // The session's last one; null: none was started.
  static TlsWork* of(const ssl_st* ssl);

 private:
  struct Request;
  bool done_ = false;
};

// What a client's handshake is asked about when the peer has said all: false holds the connection back, and it is asked again
// when somebody has called resume_tls(). Once for a context.
using TlsAfter = bool (*)(ssl_st* ssl, void* arg);
void ask_after_tls(ssl_ctx_st* context, TlsAfter after, void* arg);
bool tls_may_go_on(ssl_st* ssl);

// The connection whose handshake this is; null for connections to servers.
Conn* tls_conn(const ssl_st* ssl);
void set_tls_conn(ssl_st* ssl, Conn* conn);
void resume_tls(ssl_st* ssl);

}  // namespace weir::net
