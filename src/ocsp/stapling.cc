// See ocsp/stapling.h.
#include "ocsp/stapling.h"

#include <fmt/format.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <time.h>

#include <algorithm>
#include <mutex>

#include "ocsp/message.h"
#include "proxy/shard.h"

namespace weir::ocsp {

struct Stapler::Staple {
  X509* certificate = nullptr;  // the context's
  X509* issuer = nullptr;
  std::vector<X509*> chain;
  Responder responder;
  std::mutex mutex;  // guards what follows
  std::string der;
  int64_t until_s = 0;
  int64_t refresh_s = 0;
  bool asking = false;

  Staple() = default;
  Staple(const Staple&) = delete;
  Staple& operator=(const Staple&) = delete;
  ~Staple() { X509_free(issuer); }
};

namespace {

// Of the chain that is shown, or else of what is trusted; with a reference.
X509* issuer_of(SSL_CTX* context, X509* certificate, const std::vector<X509*>& chain) {
  for (X509* c : chain) {
    if (X509_check_issued(c, certificate) != X509_V_OK) continue;
    X509_up_ref(c);
    return c;
  }
  X509_STORE_CTX* search = X509_STORE_CTX_new();
  X509* issuer = nullptr;
  if (X509_STORE_CTX_init(search, SSL_CTX_get_cert_store(context), nullptr, nullptr) != 1 ||
      X509_STORE_CTX_get1_issuer(&issuer, search, certificate) != 1)
    issuer = nullptr;
  X509_STORE_CTX_free(search);
  return issuer;
}

}  // namespace

Stapler::Stapler(ssl_ctx_st* context, Options options, const std::string& name, const Complain& warn)
    : context_(context), options_(std::move(options)) {
  for (int more = SSL_CTX_set_current_cert(context, SSL_CERT_SET_FIRST); more;
       more = SSL_CTX_set_current_cert(context, SSL_CERT_SET_NEXT))
    add(SSL_CTX_get0_certificate(context), name, warn);
  if (staples_.empty()) return;
  SSL_CTX_set_tlsext_status_cb(context, on_status);
  SSL_CTX_set_tlsext_status_arg(context, this);
}

Stapler::~Stapler() = default;

void Stapler::add(x509_st* certificate, const std::string& name, const Complain& warn) {
  auto staple = std::make_unique<Staple>();
  staple->certificate = certificate;
  STACK_OF(X509)* chain = nullptr;
  SSL_CTX_get0_chain_certs(context_, &chain);
  for (int i = 0; i < sk_X509_num(chain); i++) staple->chain.push_back(sk_X509_value(chain, i));
  staple->issuer = issuer_of(context_, certificate, staple->chain);
  if (!staple->issuer)
    return warn(fmt::format("\"ssl_stapling\" ignored, issuer certificate not found for certificate \"{}\"", name));
  const std::string url = options_.url.empty() ? responder_url(certificate) : options_.url;
  if (url.empty())
    return warn(fmt::format("\"ssl_stapling\" ignored, no OCSP responder URL in the certificate \"{}\"", name));
  std::string problem;
  if (!parse_responder(url, staple->responder, problem))
    return warn(fmt::format("\"ssl_stapling\" ignored, {} in OCSP responder \"{}\" in the certificate \"{}\"", problem,
                            url, name));
  staple->responder.names = options_.names;
  if (!options_.names_are_looked_up) {
    look_up(staple->responder);
    if (staple->responder.addrs.empty())
      return warn(fmt::format(
          "\"ssl_stapling\" ignored, host not found in OCSP responder \"{}\" in the certificate \"{}\"", url, name));
  }
  staples_.push_back(std::move(staple));
}

int Stapler::on_status(ssl_st* ssl, void* arg) {
  auto& self = *static_cast<Stapler*>(arg);
  const X509* shown = SSL_get_certificate(ssl);
  const auto at = std::find_if(self.staples_.begin(), self.staples_.end(),
                               [shown](const auto& s) { return s->certificate == shown; });
  if (at == self.staples_.end()) return SSL_TLSEXT_ERR_NOACK;
  Staple& staple = **at;
  const int64_t now = time(nullptr);
  int result = SSL_TLSEXT_ERR_NOACK;
  std::unique_lock lock(staple.mutex);
  if (!staple.der.empty() && staple.until_s >= now) {
    if (void* copy = OPENSSL_memdup(staple.der.data(), staple.der.size())) {
      SSL_set_tlsext_status_ocsp_resp(ssl, copy, static_cast<long>(staple.der.size()));
      result = SSL_TLSEXT_ERR_OK;
    }
  }
  if (staple.asking || staple.refresh_s >= now) return result;
  staple.asking = true;
  lock.unlock();
  self.update(staple);
  return result;
}

void Stapler::update(Staple& staple) {
  options_.asker->ask(
      proxy::Shard::current(), staple.responder, make_request(staple.certificate, staple.issuer),
      [this, &staple](const std::string& der, const std::string& failure) {
        const int64_t now = time(nullptr);
        Answer answer;
        std::string problem = failure;
        const Judges judges{SSL_CTX_get_cert_store(context_), staple.chain, options_.verify, options_.verify};
        if (problem.empty() && read_answer(der, staple.certificate, staple.issuer, judges, answer, problem) &&
            answer.status != Status::good)
          problem = fmt::format("certificate status \"{}\" in the OCSP response", status_text(answer.status));
        if (!problem.empty()) options_.complain(problem);
        std::lock_guard lock(staple.mutex);
        staple.asking = false;
        staple.refresh_s = now + 300;
        if (!problem.empty()) return;
        staple.der = der;
        staple.until_s = answer.until_s;
        // Before it is over, but not within five minutes, and within an hour.
        staple.refresh_s = std::max(std::min(answer.until_s - 300, now + 3600), now + 300);
      });
}

}  // namespace weir::ocsp
