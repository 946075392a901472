// See ocsp/clients.h.
#include "ocsp/clients.h"

#include <fmt/format.h>
#include <openssl/ssl.h>
#include <time.h>

#include "net/tls_wait.h"
#include "proxy/shard.h"

namespace weir::ocsp {

bool StatusCache::find(const std::string& key, int64_t now_s, Status& out) {
  std::lock_guard lock(mutex_);
  const auto at = answers_.find(key);
  if (at == answers_.end()) return false;
  if (at->second.until_s < now_s) {
    answers_.erase(at);
    return false;
  }
  out = at->second.status;
  return true;
}

void StatusCache::keep(const std::string& key, const Answer& answer) {
  std::lock_guard lock(mutex_);
  if (answers_.size() >= most_) answers_.erase(answers_.begin());  // any of them
  answers_[key] = answer;
}

// The chain of one client, from its certificate on; the root is trusted as it is.
struct ClientStatus::Check {
  STACK_OF(X509) * chain = nullptr;
  int at = 0;
  bool over = false;
  bool failed = false;  // a status could not be had
  Status status = Status::good;

  Check() = default;
  Check(const Check&) = delete;
  Check& operator=(const Check&) = delete;
  ~Check() { sk_X509_pop_free(chain, X509_free); }
};

namespace {

// The chain that the client was verified with. A resumed session has its certificate and no chain.
STACK_OF(X509) * chain_of(SSL* ssl) {
  if (STACK_OF(X509)* verified = SSL_get0_verified_chain(ssl)) return X509_chain_up_ref(verified);
  X509_STORE_CTX* store = X509_STORE_CTX_new();
  STACK_OF(X509)* chain = nullptr;
  if (X509_STORE_CTX_init(store, SSL_CTX_get_cert_store(SSL_get_SSL_CTX(ssl)), SSL_get0_peer_certificate(ssl),
                          SSL_get_peer_cert_chain(ssl)) == 1 &&
      X509_verify_cert(store) == 1)
    chain = X509_STORE_CTX_get1_chain(store);
  X509_STORE_CTX_free(store);
  return chain;
}

}  // namespace

void ClientStatus::watch(ssl_ctx_st* context) {
  net::ask_after_tls(context, after, this);
}

namespace {
template <typename Holder>
void free_holder(void*, void* holder, CRYPTO_EX_DATA*, int, long, void*) {
  delete static_cast<Holder*>(holder);
}
template <typename Holder>
int holder_index() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, free_holder<Holder>);
  return index;
}
}  // namespace

bool ClientStatus::after(ssl_st* ssl, void* arg) {
  using Holder = std::shared_ptr<Check>;
  auto& self = *static_cast<ClientStatus*>(arg);
  if (const auto* held = static_cast<Holder*>(SSL_get_ex_data(ssl, holder_index<Holder>()))) return (*held)->over;
  if (SSL_get_verify_result(ssl) != X509_V_OK || !SSL_get0_peer_certificate(ssl)) return true;
  auto check = std::make_shared<Check>();
  SSL_set_ex_data(ssl, holder_index<Holder>(), new Holder(check));
  check->chain = chain_of(ssl);
  if (check->chain) return self.go_on(ssl, check);
  check->failed = check->over = true;
  return true;
}

// As far as it goes without waiting; true: to the end.
bool ClientStatus::go_on(ssl_st* ssl, const std::shared_ptr<Check>& check) {
  const int count = sk_X509_num(check->chain);
  while (!check->over) {
    if (check->at >= count - 1 || (options_.leaf_only && check->at > 0)) {
      check->over = true;
      break;
    }
    Status known = Status::good;
    const std::string key =
        question_key(sk_X509_value(check->chain, check->at), sk_X509_value(check->chain, check->at + 1));
    if (!options_.cache || !options_.cache->find(key, time(nullptr), known)) {
      if (ask(ssl, check)) return false;
      check->failed = check->over = true;
      break;
    }
    check->status = known;
    check->over = known != Status::good;
    check->at++;
  }
  return true;
}

bool ClientStatus::ask(ssl_st* ssl, const std::shared_ptr<Check>& check) {
  X509* certificate = sk_X509_value(check->chain, check->at);
  X509* issuer = sk_X509_value(check->chain, check->at + 1);
  Responder responder = options_.responder;
  std::string problem;
  if (responder.host.empty()) {
    const std::string url = responder_url(certificate);
    if (url.empty())
      problem = "no OCSP responder URL in certificate";
    else if (!parse_responder(url, responder, problem))
      problem = fmt::format("{} in OCSP responder \"{}\" in certificate", problem, url);
  }
  if (!problem.empty()) {
    options_.complain(ssl, problem);
    return false;
  }
  responder.names = options_.names;
  const std::weak_ptr<Check> waiting = check;
  options_.asker->ask(proxy::Shard::current(), responder, make_request(certificate, issuer),
                      [this, ssl, waiting, certificate, issuer](const std::string& der, const std::string& failure) {
                        const auto still = waiting.lock();  // the session holds it
                        if (!still) return;
                        Judges judges{SSL_CTX_get_cert_store(SSL_get_SSL_CTX(ssl)), {}, true, false};
                        for (int i = 0; i < sk_X509_num(still->chain); i++)
                          judges.chain.push_back(sk_X509_value(still->chain, i));
                        Answer answer;
                        std::string why = failure;
                        if (!why.empty() || !read_answer(der, certificate, issuer, judges, answer, why)) {
                          options_.complain(ssl, why);
                          still->failed = still->over = true;
                          return net::resume_tls(ssl);
                        }
                        if (options_.cache) options_.cache->keep(question_key(certificate, issuer), answer);
                        still->status = answer.status;
                        still->over = answer.status != Status::good;
                        still->at++;
                        if (go_on(ssl, still)) net::resume_tls(ssl);
                      });
  return true;
}

Str ClientStatus::problem_of(const ssl_st* ssl) {
  using Holder = std::shared_ptr<Check>;
  const auto* held = static_cast<const Holder*>(SSL_get_ex_data(ssl, holder_index<Holder>()));
  if (!held) return {};
  if ((*held)->failed) return "certificate status request failed";
  switch ((*held)->status) {
    case Status::revoked: return "certificate revoked";
    case Status::unknown: return "certificate status unknown";
    default: return {};
  }
}

}  // namespace weir::ocsp
