// See net/tls_identity.h.
#include "net/tls_identity.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string.h>

#include <algorithm>

#include "net/digest.h"

namespace weir::net {
namespace {

struct Bio {
  explicit Bio(const std::string& text) : bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))) {}
  ~Bio() { BIO_free(bio); }
  Bio(const Bio&) = delete;
  Bio& operator=(const Bio&) = delete;
  BIO* bio;
};

// Nobody is there to type a pass phrase. `asked`, a bool, tells that one was needed.
int no_password(char*, int, int, void* asked) {
  if (asked) *static_cast<bool*>(asked) = true;
  return 0;
}

void add_name(std::vector<std::string>& names, Str text) {
  std::string name(text);
  std::transform(name.begin(), name.end(), name.begin(), lower);
  if (!name.empty() && std::find(names.begin(), names.end(), name) == names.end()) names.push_back(std::move(name));
}

Str text_of(const ASN1_STRING* s) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(s)), static_cast<size_t>(ASN1_STRING_length(s))};
}

}  // namespace

std::string openssl_complaint(Str wanted) {
  const unsigned long code = ERR_peek_error();
  ERR_clear_error();
  if (ERR_SYSTEM_ERROR(code)) return strerror(ERR_GET_REASON(code));
  const int library = ERR_GET_LIB(code), number = ERR_GET_REASON(code);
  if ((library == ERR_LIB_PEM && number == PEM_R_NO_START_LINE) ||
      (library == ERR_LIB_X509 && number == X509_R_NO_CERTIFICATE_OR_CRL_FOUND))
    return fmt::format("no {} in PEM form is in it", wanted);
  const char* reason = code ? ERR_reason_error_string(code) : nullptr;
  return reason ? reason : "unknown reason";
}

// Of the digest, which covers the public key: another certificate has another one.
uint64_t TlsIdentity::number_of(const x509_st* certificate) {
  unsigned char* der = nullptr;
  const int size = i2d_X509(certificate, &der);
  if (size <= 0) return 1;
  const uint64_t number = digest64({reinterpret_cast<const char*>(der), static_cast<size_t>(size)});
  OPENSSL_free(der);
  return number;
}

std::shared_ptr<const TlsIdentity> TlsIdentity::join(const std::vector<x509_st*>& chain, uint64_t number,
                                                     evp_pkey_st* key, std::string& problem) {
  ERR_clear_error();
  if (X509_check_private_key(chain[0], key) != 1) {
    problem = openssl_complaint("certificate");
    return nullptr;
  }
  std::shared_ptr<TlsIdentity> made(new TlsIdentity);
  for (X509* c : chain) X509_up_ref(c);
  EVP_PKEY_up_ref(key);
  made->certificate_ = chain[0];
  made->chain_.assign(chain.begin() + 1, chain.end());
  made->key_ = key;
  made->number_ = number;
  return made;
}

TlsIdentity::~TlsIdentity() {
  X509_free(certificate_);
  EVP_PKEY_free(key_);
  for (X509* c : chain_) X509_free(c);
}

std::shared_ptr<const TlsIdentity> TlsIdentity::parse(const TlsTexts& texts, std::string& problem,
                                                      std::string& warning) {
  std::shared_ptr<TlsIdentity> made(new TlsIdentity);
  ERR_clear_error();
  if (!made->read_chain(texts.pem, problem) || !made->read_key(texts, problem)) return nullptr;
  made->read_names();
  made->number_ = number_of(made->certificate_);
  if (!texts.ocsp.empty()) {
    std::string why;
    if (made->takes_response(texts, why))
      made->ocsp_ = texts.ocsp;
    else
      warning = fmt::format("the OCSP response is left out: {}", why);
  }
  made->sctl_ = texts.sctl;
  return made;
}

bool TlsIdentity::read_chain(const std::string& pem, std::string& problem) {
  Bio in(pem);
  certificate_ = PEM_read_bio_X509_AUX(in.bio, nullptr, no_password, nullptr);
  if (!certificate_) {
    problem = openssl_complaint("certificate");
    return false;
  }
  while (X509* next = PEM_read_bio_X509(in.bio, nullptr, no_password, nullptr)) chain_.push_back(next);
  const unsigned long last = ERR_peek_last_error();
  if (last && ERR_GET_REASON(last) != PEM_R_NO_START_LINE) {
    problem = openssl_complaint("certificate");
    return false;
  }
  ERR_clear_error();
  return true;
}

bool TlsIdentity::read_key(const TlsTexts& texts, std::string& problem) {
  for (const std::string* text : {&texts.pem, &texts.key}) {
    if (text->find("PRIVATE KEY-----") == std::string::npos) continue;
    Bio in(*text);
    bool encrypted = false;
    key_ = PEM_read_bio_PrivateKey(in.bio, nullptr, no_password, &encrypted);
    if (key_) break;
    problem = encrypted ? std::string("its key is encrypted; without a pass phrase: openssl pkey -in KEY -out PLAIN")
                        : fmt::format("its key cannot be read: {}", openssl_complaint("private key"));
    return false;
  }
  if (!key_) {
    problem = "no private key";
    return false;
  }
  ERR_clear_error();
  if (X509_check_private_key(certificate_, key_) == 1) return true;
  ERR_clear_error();
  problem = "the private key is not that of the certificate";
  return false;
}

void TlsIdentity::read_names() {
  char common[256];
  const int n = X509_NAME_get_text_by_NID(X509_get_subject_name(certificate_), NID_commonName, common, sizeof common);
  if (n > 0) add_name(names_, {common, static_cast<size_t>(n)});
  auto* alternative =
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate_, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; alternative && i < sk_GENERAL_NAME_num(alternative); i++) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(alternative, i);
    if (name->type == GEN_DNS) add_name(names_, text_of(name->d.dNSName));
  }
  GENERAL_NAMES_free(alternative);
  ERR_clear_error();
}

bool TlsIdentity::takes_response(const TlsTexts& texts, std::string& why) const {
  std::unique_ptr<X509, decltype(&X509_free)> read(nullptr, X509_free);
  X509* issuer = nullptr;
  for (X509* c : chain_)
    if (!issuer && X509_check_issued(c, certificate_) == X509_V_OK) issuer = c;
  if (!issuer) {
    Bio in(texts.issuer);
    read.reset(PEM_read_bio_X509(in.bio, nullptr, no_password, nullptr));
    if (read && X509_check_issued(read.get(), certificate_) == X509_V_OK) issuer = read.get();
    ERR_clear_error();
  }
  if (!issuer) return why = "the certificate's issuer is not known", false;

  const auto* at = reinterpret_cast<const unsigned char*>(texts.ocsp.data());
  OCSP_RESPONSE* response = d2i_OCSP_RESPONSE(nullptr, &at, static_cast<long>(texts.ocsp.size()));
  OCSP_BASICRESP* basic = response ? OCSP_response_get1_basic(response) : nullptr;
  OCSP_CERTID* id = OCSP_cert_to_id(nullptr, certificate_, issuer);
  int status = -1, reason = 0;
  ASN1_GENERALIZEDTIME *revoked = nullptr, *from = nullptr, *until = nullptr;
  if (!basic)
    why = "it is none";
  else if (OCSP_resp_count(basic) != 1)
    why = "it is not about one certificate";
  else if (OCSP_resp_find_status(basic, id, &status, &reason, &revoked, &from, &until) != 1)
    why = "it is about another certificate";
  else if (status != V_OCSP_CERTSTATUS_GOOD)
    why = "it does not say that the certificate is good";
  else if (OCSP_check_validity(from, until, 300, -1) != 1)
    why = "its time is over or has not come";
  OCSP_CERTID_free(id);
  OCSP_BASICRESP_free(basic);
  OCSP_RESPONSE_free(response);
  ERR_clear_error();
  return why.empty();
}

KeyKind TlsIdentity::kind() const {
  switch (EVP_PKEY_get_base_id(key_)) {
    case EVP_PKEY_EC: return KeyKind::ecdsa;
    case EVP_PKEY_RSA: return KeyKind::rsa;
    default: return KeyKind::other;
  }
}

namespace {
template <typename Use>
bool give(const std::vector<X509*>& certificates, std::string& problem, Use use) {
  STACK_OF(X509)* chain = sk_X509_new_null();
  for (X509* c : certificates) sk_X509_push(chain, c);
  ERR_clear_error();
  const bool ok = use(chain) == 1;
  sk_X509_free(chain);
  if (!ok) problem = openssl_complaint("certificate");
  return ok;
}
}  // namespace

bool TlsIdentity::give_to(ssl_ctx_st* context, std::string& problem) const {
  return give(chain_, problem,
              [&](STACK_OF(X509) * chain) { return SSL_CTX_use_cert_and_key(context, certificate_, key_, chain, 1); });
}

bool TlsIdentity::give_to(ssl_st* ssl, std::string& problem) const {
  return give(chain_, problem,
              [&](STACK_OF(X509) * chain) { return SSL_use_cert_and_key(ssl, certificate_, key_, chain, 1); });
}

}  // namespace weir::net
