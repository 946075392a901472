#pragma once
// A certificate with its chain and key, and what goes to clients with it, parsed from text. Immutable once made, shared by
// every context that shows it; made on the configuration or the control thread.
#include <memory>
#include <string>
#include <vector>

#include "base/str.h"

struct evp_pkey_st;
struct ssl_ctx_st;
struct ssl_st;
struct x509_st;

namespace weir::net {

// What certificates are chosen by where a client takes several kinds.
enum class KeyKind : uint8_t { ecdsa, rsa, other };

struct TlsTexts {
  std::string pem;  // the certificate, then its chain; the key too, unless `key` has it
  std::string key;  // PEM
  std::string issuer;  // PEM: the certificate's issuer, where the chain lacks it
  std::string ocsp;  // an OCSP response in DER (RFC 6960); empty: none
  std::string sctl;  // a list of signed certificate timestamps (RFC 6962 3.3)
};

class TlsIdentity {
 public:
  // Null with the reason in `problem`. `warning`: what is left out, and why.
  static std::shared_ptr<const TlsIdentity> parse(const TlsTexts& texts, std::string& problem, std::string& warning);
  // The same of objects: the certificate, whose number_of() is told, and behind it its chain. They are shared.
  static std::shared_ptr<const TlsIdentity> join(const std::vector<x509_st*>& chain, uint64_t number, evp_pkey_st* key,
                                                 std::string& problem);
  static uint64_t number_of(const x509_st* certificate);
  ~TlsIdentity();
  TlsIdentity(const TlsIdentity&) = delete;
  TlsIdentity& operator=(const TlsIdentity&) = delete;

  // Shows it: certificate, chain and key. False with the reason in `problem`.
  bool give_to(ssl_ctx_st* context, std::string& problem) const;
  bool give_to(ssl_st* ssl, std::string& problem) const;
  // Equal for the same certificate, however often it was read; never 0.
  uint64_t number() const { return number_; }

  x509_st* certificate() const { return certificate_; }
  const std::vector<x509_st*>& chain() const { return chain_; }
  KeyKind kind() const;
  // Its common name and its alternative names for hosts, in lower case, each once.
  const std::vector<std::string>& names() const { return names_; }
  const std::string& ocsp() const { return ocsp_; }
  const std::string& sctl() const { return sctl_; }

 private:
  TlsIdentity() = default;
  bool read_chain(const std::string& pem, std::string& problem);
  bool read_key(const TlsTexts& texts, std::string& problem);
  void read_names();
  // Whether the response is for this certificate, good, and within its time; else `why`.
  bool takes_response(const TlsTexts& texts, std::string& why) const;

  x509_st* certificate_ = nullptr;
  evp_pkey_st* key_ = nullptr;
  uint64_t number_ = 1;
  std::vector<x509_st*> chain_;
  std::vector<std::string> names_;
  std::string ocsp_;
  std::string sctl_;
};

// In words: the oldest of OpenSSL's complaints, which the later ones follow from. `wanted` is what was to be read from a PEM
// text. Forgets them.
std::string openssl_complaint(Str wanted);

}  // namespace weir::net
