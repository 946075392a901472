// See control/certificate_text.h.
#include "control/certificate_text.h"

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/x509v3.h>

#include "base/arena.h"
#include "expr/encode.h"

namespace weir::control {
namespace {

// What a function prints to a BIO.
template <typename Print>
std::string printed(Print print) {
  BIO* bio = BIO_new(BIO_s_mem());
  print(bio);
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio, &text);
  std::string copy(text, static_cast<size_t>(size));
  BIO_free(bio);
  return copy;
}

std::string key_text(const X509* certificate) {
  const EVP_PKEY* key = X509_get0_pubkey(certificate);
  switch (key ? EVP_PKEY_get_base_id(key) : EVP_PKEY_NONE) {
    case EVP_PKEY_RSA: return fmt::format("RSA{}", EVP_PKEY_get_bits(key));
    case EVP_PKEY_EC: return fmt::format("EC{}", EVP_PKEY_get_bits(key));
    case EVP_PKEY_DSA: return fmt::format("DSA{}", EVP_PKEY_get_bits(key));
    default: return {};
  }
}

std::string alternative_names(const X509* certificate) {
  std::string line;
  auto* names = static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names); i++) {
    const GENERAL_NAME* n = sk_GENERAL_NAME_value(names, i);
    if (n->type != GEN_DNS) continue;
    line += fmt::format("{}DNS:{}", line.empty() ? "" : ", ",
                        Str(reinterpret_cast<const char*>(ASN1_STRING_get0_data(n->d.dNSName)),
                            static_cast<size_t>(ASN1_STRING_length(n->d.dNSName))));
  }
  GENERAL_NAMES_free(names);
  return line;
}

}  // namespace

std::string time_text(const ASN1_TIME* time) {
  return printed([time](BIO* bio) { ASN1_TIME_print(bio, time); });
}

std::string name_text(const X509_NAME* name) {
  char* text = X509_NAME_oneline(name, nullptr, 0);
  std::string copy = text ? text : "";
  OPENSSL_free(text);
  return copy;
}

std::string certificate_text(const X509* c) {
  Arena arena;
  const ASN1_INTEGER* serial = X509_get0_serialNumber(c);
  unsigned char sum[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  X509_digest(c, EVP_sha1(), sum, &size);
  auto hex = [&](const unsigned char* p, size_t n) {
    return expr::encode_hex({reinterpret_cast<const char*>(p), n}, arena);
  };
  return fmt::format(
      "Serial: {}\nnotBefore: {}\nnotAfter: {}\nSubject Alternative Name: {}\nAlgorithm: {}\n"
      "SHA1 FingerPrint: {}\nSubject: {}\nIssuer: {}\n",
      hex(ASN1_STRING_get0_data(serial), static_cast<size_t>(ASN1_STRING_length(serial))),
      time_text(X509_get0_notBefore(c)), time_text(X509_get0_notAfter(c)), alternative_names(c), key_text(c),
      hex(sum, size), name_text(X509_get_subject_name(c)), name_text(X509_get_issuer_name(c)));
}

std::string list_text(X509_CRL* list) {
  std::string text =
      fmt::format("Version {}\nSignature Algorithm: {}\nIssuer: {}\nLast Update: {}\nNext Update: {}\n",
                  X509_CRL_get_version(list) + 1, OBJ_nid2ln(X509_CRL_get_signature_nid(list)),
                  name_text(X509_CRL_get_issuer(list)), time_text(X509_CRL_get0_lastUpdate(list)),
                  X509_CRL_get0_nextUpdate(list) ? time_text(X509_CRL_get0_nextUpdate(list)) : std::string());
  STACK_OF(X509_REVOKED)* revoked = X509_CRL_get_REVOKED(list);
  text += sk_X509_REVOKED_num(revoked) > 0 ? "Revoked Certificates:\n" : "No Revoked Certificates.\n";
  for (int i = 0; i < sk_X509_REVOKED_num(revoked); i++) {
    const X509_REVOKED* one = sk_X509_REVOKED_value(revoked, i);
    const std::string serial = printed([one](BIO* bio) { i2a_ASN1_INTEGER(bio, X509_REVOKED_get0_serialNumber(one)); });
    text += fmt::format("    Serial Number: {}\n        Revocation Date: {}\n", serial,
                        time_text(X509_REVOKED_get0_revocationDate(one)));
  }
  return text;
}

}  // namespace weir::control
