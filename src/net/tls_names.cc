// See net/tls_names.h.
#include "net/tls_names.h"

#include <openssl/ssl.h>

#include <algorithm>

#include "net/tls_context.h"
#include "net/tls_hello.h"

namespace weir::net {
namespace {

struct CtxFree {
  void operator()(SSL_CTX* c) const { SSL_CTX_free(c); }
};

// TLS SignatureScheme (RFC 8446 4.2.3): the last byte tells the key for what TLS 1.2 knows, the rest are RSA-PSS's.
TlsNames::Takes schemes_of(const unsigned char* list, size_t size) {
  TlsNames::Takes takes;
  for (size_t i = 0; i + 1 < size; i += 2) {
    const unsigned char hash = list[i], signature = list[i + 1];
    if (signature == TLSEXT_signature_ecdsa) takes.ecdsa = true;
    if (signature == TLSEXT_signature_rsa ||
        (hash == 8 && ((signature >= 4 && signature <= 6) || (signature >= 9 && signature <= 11))))
      takes.rsa = true;
  }
  return takes;
}

// A client may know the signature and have no cipher for it: TLS 1.2's ciphers name the key, those of TLS 1.3 (RFC 8446 B.4)
// go with any.
bool has_ecdsa_cipher(SSL* ssl) {
  const unsigned char* bytes = nullptr;
  const size_t n = SSL_client_hello_get0_ciphers(ssl, &bytes);
  for (size_t i = 0; i + 1 < n; i += 2) {
    if (bytes[i] == 0x13) return true;
    const SSL_CIPHER* cipher = SSL_CIPHER_find(ssl, bytes + i);
    if (cipher && SSL_CIPHER_get_auth_nid(cipher) == NID_auth_ecdsa) return true;
  }
  return false;
}

TlsNames::Takes taken_by(SSL* ssl) {
  const unsigned char* p = nullptr;
  size_t n = 0;
  // Without the extension it is a client older than TLS 1.2.
  if (!SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_signature_algorithms, &p, &n)) return {false, true};
  TlsNames::Takes takes;
  if (n >= 2) takes = schemes_of(p + 2, n - 2);
  if (takes.ecdsa) takes.ecdsa = has_ecdsa_cipher(ssl);
  return takes;
}

}  // namespace

struct TlsNames::Table {
  using Ids = std::vector<uint32_t>;
  std::vector<Entry> entries;
  std::vector<std::unique_ptr<SSL_CTX, CtxFree>> held;
  std::unordered_map<std::string, Ids> exact;
  std::unordered_map<std::string, Ids> wild;  // ".a.example"
  Ids fallback;
};

// The first fitting entry of each kind.
struct TlsNames::Candidates {
  const Entry* found[3] = {};

  void add(const Entry& e) {
    const Entry*& place = found[static_cast<size_t>(e.kind)];
    if (!place) place = &e;
  }
  const Entry* best(Takes takes) const {
    const Entry *ecdsa = found[0], *rsa = found[1], *other = found[2];
    if (takes.ecdsa && ecdsa) return ecdsa;
    if (takes.rsa && rsa) return rsa;
    return other ? other : ecdsa ? ecdsa : rsa;
  }
};

void TlsNames::publish(std::vector<Entry> entries) {
  auto made = std::make_shared<Table>();
  made->entries = std::move(entries);
  for (uint32_t i = 0; i < made->entries.size(); i++) {
    const Entry& e = made->entries[i];
    SSL_CTX_up_ref(e.context);
    made->held.emplace_back(e.context);
    if (e.fallback) made->fallback.push_back(i);
    for (const std::string& name : e.names) {
      if (name.starts_with("*."))
        made->wild[name.substr(1)].push_back(i);
      else if (!name.starts_with('!'))
        made->exact[name].push_back(i);
    }
  }
  std::lock_guard lock(mutex_);
  table_ = std::move(made);
}

std::shared_ptr<const TlsNames::Table> TlsNames::table() const {
  std::lock_guard lock(mutex_);
  return table_;
}

ssl_ctx_st* TlsNames::choose(Str name, Takes takes) const {
  const auto now = table();
  if (!now) return nullptr;
  Candidates candidates;
  std::string key(name);
  std::transform(key.begin(), key.end(), key.begin(), lower);
  if (auto it = now->exact.find(key); it != now->exact.end())
    for (uint32_t i : it->second) candidates.add(now->entries[i]);
  if (const size_t dot = key.find('.'); dot != std::string::npos) {
    const std::string but = "!" + key;
    if (auto it = now->wild.find(key.substr(dot)); it != now->wild.end())
      for (uint32_t i : it->second) {
        const auto& names = now->entries[i].names;
        if (std::find(names.begin(), names.end(), but) == names.end()) candidates.add(now->entries[i]);
      }
  }
  const Entry* chosen = candidates.best(takes);
  if (!chosen && !strict_) {
    for (uint32_t i : now->fallback) candidates.add(now->entries[i]);
    chosen = candidates.best(takes);
  }
  if (!chosen) return nullptr;
  SSL_CTX_up_ref(chosen->context);
  return chosen->context;
}

int TlsNames::on_client_hello(ssl_st* ssl, int* alert, void* arg) {
  const auto& names = *static_cast<const TlsNames*>(arg);
  const std::unique_ptr<SSL_CTX, CtxFree> chosen(names.choose(tls_hello_name(ssl), taken_by(ssl)));
  if (!chosen) {
    *alert = names.strict_ ? SSL_AD_UNRECOGNIZED_NAME : SSL_AD_HANDSHAKE_FAILURE;
    return SSL_CLIENT_HELLO_ERROR;
  }
  if (names.capture_) keep_tls_hello(ssl, names.capture_);
  switch_tls_context(ssl, chosen.get());
  return SSL_CLIENT_HELLO_SUCCESS;
}

void TlsNames::watch(ssl_ctx_st* context, size_t capture) {
  capture_ = capture;
  SSL_CTX_set_client_hello_cb(context, on_client_hello, this);
}

}  // namespace weir::net
