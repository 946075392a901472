#pragma once
// Certificates, authorities and revocation lists in the words of HAProxy's `show ssl cert` and its like. For the commands about
// them.
#include <openssl/x509.h>

#include <string>

namespace weir::control {

std::string time_text(const ASN1_TIME* time);
std::string name_text(const X509_NAME* name);
// Lines; the last one with its end.
std::string certificate_text(const X509* certificate);
std::string list_text(X509_CRL* list);

}  // namespace weir::control
