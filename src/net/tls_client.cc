// See net/tls_client.h.
#include "net/tls_client.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <array>

#include "net/digest.h"
#include "net/tls_current.h"
#include "net/tls_identity.h"

namespace weir::net {
namespace {

int owner_index() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}
int server_index() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

// TlsTo::identity_number of the session.
int identity_index() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}
uint64_t identity_of(const SSL* ssl) {
  return reinterpret_cast<uintptr_t>(SSL_get_ex_data(ssl, identity_index()));
}

int on_session(SSL* ssl, SSL_SESSION* session) {
  auto* owner = static_cast<TlsSessions*>(SSL_get_ex_data(ssl, owner_index()));
  return owner && owner->keep(ssl, session);
}

bool is_address(const std::string& name) {
  in6_addr any;
  return inet_pton(AF_INET, name.c_str(), &any) == 1 || inet_pton(AF_INET6, name.c_str(), &any) == 1;
}

// "[::1]" is the address ::1.
Str bare(Str name) {
  return name.starts_with('[') && name.ends_with(']') ? name.substr(1, name.size() - 2) : name;
}

Str sent_name(SSL* ssl) {
  const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  return name ? Str(name) : Str();
}
// Of the names that are checked, the one that make_tls_session() set.
std::string checked_name(SSL* ssl) {
  X509_VERIFY_PARAM* param = SSL_get0_param(ssl);
  if (const char* host = X509_VERIFY_PARAM_get0_host(param, 0)) return host;
  // No address is an error to OpenSSL, which whoever reads from the connection would take for its own.
  ERR_set_mark();
  char* address = X509_VERIFY_PARAM_get1_ip_asc(param);
  ERR_pop_to_mark();
  std::string text = address ? address : "";
  OPENSSL_free(address);
  return text;
}

}  // namespace

ssl_st* make_tls_session(const TlsTo& to) {
  SSL* ssl = new_current_session(to.context);
  if (ssl && to.identity) {
    std::string problem;
    if (!to.identity->give_to(ssl, problem)) {
      SSL_free(ssl);
      return nullptr;
    }
    SSL_set_ex_data(ssl, identity_index(), reinterpret_cast<void*>(static_cast<uintptr_t>(to.identity_number)));
  }
  if (!ssl || to.name.empty()) return ssl;
  const std::string name(bare(to.name));
  const bool address = is_address(name);
  if (to.send && !address) SSL_set_tlsext_host_name(ssl, name.c_str());
  if (!to.check || !(SSL_get_verify_mode(ssl) & SSL_VERIFY_PEER)) return ssl;
  if (address)
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name.c_str());
  else
    SSL_set1_host(ssl, name.c_str());
  return ssl;
}

uint64_t tls_kind(const TlsTo& to, bool names) {
  if (!to.context) return 0;
  const Str name = names ? bare(to.name) : Str();
  const uint64_t use = name.empty() ? 0 : uint64_t{to.send} << 1 | uint64_t{to.check};
  return keyed64({current_tls_number(to.context), to.identity_number, use}, name);
}

Str certificate_error(const ssl_st* ssl) {
  static const auto kTexts = [] {
    std::array<std::string, 128> texts;
    for (long code = 0; code < 128; code++)
      texts[static_cast<size_t>(code)] =
          fmt::format("upstream SSL certificate verify error: ({}:{})", code, X509_verify_cert_error_string(code));
    return texts;
  }();
  const long result = ssl ? SSL_get_verify_result(ssl) : X509_V_OK;
  return result > 0 && result < 128 ? Str(kTexts[static_cast<size_t>(result)]) : Str();
}

void TlsSessions::Free::operator()(ssl_session_st* session) const {
  SSL_SESSION_free(session);
}

TlsSessions::TlsSessions() = default;
TlsSessions::~TlsSessions() = default;

void TlsSessions::keep_of(ssl_ctx_st* context) {
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, on_session);
}

std::string TlsSessions::key_of(ssl_st* ssl, uint32_t server) {
  return fmt::format("{} {} {} {} {}", tls_number(ssl), identity_of(ssl), server, sent_name(ssl), checked_name(ssl));
}

void TlsSessions::resume(ssl_st* ssl, uint32_t server) {
  if (!(SSL_CTX_get_session_cache_mode(SSL_get_SSL_CTX(ssl)) & SSL_SESS_CACHE_CLIENT)) return;
  follow(ssl, server);
  auto kept = sessions_.find(key_of(ssl, server));
  if (kept != sessions_.end()) SSL_set_session(ssl, kept->second.get());
}

void TlsSessions::follow(ssl_st* ssl, uint32_t server) {
  SSL_set_ex_data(ssl, owner_index(), this);
  SSL_set_ex_data(ssl, server_index(), reinterpret_cast<void*>(static_cast<uintptr_t>(server)));
}

void TlsSessions::leave(ssl_st* ssl) {
  SSL_set_ex_data(ssl, owner_index(), nullptr);
}

bool TlsSessions::keep(ssl_st* ssl, ssl_session_st* session) {
  if (sessions_.size() >= kMost) sessions_.clear();
  auto server = static_cast<uint32_t>(reinterpret_cast<uintptr_t>(SSL_get_ex_data(ssl, server_index())));
  sessions_[key_of(ssl, server)].reset(session);
  return true;
}

}  // namespace weir::net
