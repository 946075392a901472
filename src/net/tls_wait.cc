// See net/tls_wait.h.
#include "net/tls_wait.h"

#include <openssl/ssl.h>
#include <uv.h>

#include "net/conn.h"

namespace weir::net {
namespace {

int conn_index() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

using Holder = std::shared_ptr<TlsWork>;

void free_holder(void*, void* holder, CRYPTO_EX_DATA*, int, long, void*) {
  delete static_cast<Holder*>(holder);
}

int work_index() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, free_holder);
  return index;
}

struct After {
  TlsAfter ask;
  void* arg;
};

void free_after(void*, void* after, CRYPTO_EX_DATA*, int, long, void*) {
  delete static_cast<After*>(after);
}

int after_index() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, free_after);
  return index;
}

}  // namespace

// The pool's half. It holds the session, so that nobody frees what the work looks at; the connection may be gone.
struct TlsWork::Request {
  uv_work_t work;
  Holder holder;
  SSL* ssl;
};

void TlsWork::start(ssl_st* ssl, std::shared_ptr<TlsWork> work) {
  delete static_cast<Holder*>(SSL_get_ex_data(ssl, work_index()));
  SSL_set_ex_data(ssl, work_index(), new Holder(work));
  SSL_up_ref(ssl);
  auto* r = new Request{{}, std::move(work), ssl};
  r->work.data = r;
  Loop& loop = tls_conn(ssl)->loop();
  uv_queue_work(
      loop.uv(), &r->work, [](uv_work_t* w) { static_cast<Request*>(w->data)->holder->run(); },
      [](uv_work_t* w, int) {
        const std::unique_ptr<Request> done(static_cast<Request*>(w->data));
        done->holder->done_ = true;
        resume_tls(done->ssl);
        SSL_free(done->ssl);
      });
  loop.uv_touched();
}

TlsWork* TlsWork::of(const ssl_st* ssl) {
  const auto* holder = static_cast<const Holder*>(SSL_get_ex_data(ssl, work_index()));
  return holder ? holder->get() : nullptr;
}

void ask_after_tls(ssl_ctx_st* context, TlsAfter after, void* arg) {
  SSL_CTX_set_ex_data(context, after_index(), new After{after, arg});
}

bool tls_may_go_on(ssl_st* ssl) {
  const auto* after = static_cast<const After*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), after_index()));
  return !after || !SSL_is_server(ssl) || after->ask(ssl, after->arg);
}

Conn* tls_conn(const ssl_st* ssl) {
  return static_cast<Conn*>(SSL_get_ex_data(ssl, conn_index()));
}

void set_tls_conn(ssl_st* ssl, Conn* conn) {
  SSL_set_ex_data(ssl, conn_index(), conn);
}

void resume_tls(ssl_st* ssl) {
  if (Conn* conn = tls_conn(ssl); conn && !conn->closed()) conn->read_soon();
}

}  // namespace weir::net
