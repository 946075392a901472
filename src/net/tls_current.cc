// See net/tls_current.h.
#include "net/tls_current.h"

#include <openssl/ssl.h>

#include <atomic>
#include <mutex>

namespace weir::net {
namespace {

struct Current {
  std::mutex mutex;
  std::atomic<SSL_CTX*> by{nullptr};  // owned; null: the context itself
  std::atomic<uint64_t> number{0};  // of it, which may be gone when it is asked for; 0: as above

  ~Current() { SSL_CTX_free(by.load()); }
};

void free_current(void*, void* current, CRYPTO_EX_DATA*, int, long, void*) {
  delete static_cast<Current*>(current);
}

int current_index() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, free_current);
  return index;
}

Current* current_of(SSL_CTX* named) {
  return static_cast<Current*>(SSL_CTX_get_ex_data(named, current_index()));
}

int number_index() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

uint64_t number_of(const SSL_CTX* context) {
  return reinterpret_cast<uintptr_t>(SSL_CTX_get_ex_data(context, number_index()));
}

}  // namespace

void number_tls(ssl_ctx_st* made) {
  static std::atomic<uintptr_t> last{0};
  SSL_CTX_set_ex_data(made, number_index(), reinterpret_cast<void*>(++last));
}

uint64_t tls_number(const ssl_st* ssl) {
  return number_of(SSL_get_SSL_CTX(ssl));
}

uint64_t current_tls_number(ssl_ctx_st* named) {
  const Current* current = current_of(named);
  const uint64_t number = current ? current->number.load(std::memory_order_acquire) : 0;
  return number ? number : number_of(named);
}

void let_tls_be_replaced(ssl_ctx_st* named) {
  if (!current_of(named)) SSL_CTX_set_ex_data(named, current_index(), new Current);
}

void replace_tls(ssl_ctx_st* named, ssl_ctx_st* by) {
  Current& current = *current_of(named);
  SSL_CTX* before;
  {
    std::lock_guard lock(current.mutex);
    before = current.by.exchange(by);
    current.number.store(number_of(by), std::memory_order_release);
  }
  SSL_CTX_free(before);
}

ssl_st* new_current_session(ssl_ctx_st* named) {
  Current* current = current_of(named);
  if (!current || !current->by.load(std::memory_order_acquire)) return SSL_new(named);
  // The session takes a reference of its own while nobody can give the last one back.
  std::lock_guard lock(current->mutex);
  return SSL_new(current->by.load(std::memory_order_relaxed));
}

}  // namespace weir::net
