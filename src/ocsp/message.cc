// See ocsp/message.h.
#include "ocsp/message.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>
#include <time.h>

#include <memory>

#include "net/tls_files.h"

namespace weir::ocsp {
namespace {

template <typename T, void (*free)(T*)>
struct Free {
  void operator()(T* object) const { free(object); }
};
using Request = std::unique_ptr<OCSP_REQUEST, Free<OCSP_REQUEST, OCSP_REQUEST_free>>;
using Response = std::unique_ptr<OCSP_RESPONSE, Free<OCSP_RESPONSE, OCSP_RESPONSE_free>>;
using Basic = std::unique_ptr<OCSP_BASICRESP, Free<OCSP_BASICRESP, OCSP_BASICRESP_free>>;
using CertId = std::unique_ptr<OCSP_CERTID, Free<OCSP_CERTID, OCSP_CERTID_free>>;

constexpr long kSkew = 300;  // seconds that clocks may differ

int64_t seconds_of(const ASN1_GENERALIZEDTIME* time) {
  tm parts{};
  return ASN1_TIME_to_tm(time, &parts) == 1 ? timegm(&parts) : 0;
}

template <typename T, typename Encode>
std::string encoded(T* object, Encode encode) {
  unsigned char* bytes = nullptr;
  const int size = encode(object, &bytes);
  if (size <= 0) return {};
  std::string der(reinterpret_cast<const char*>(bytes), static_cast<size_t>(size));
  OPENSSL_free(bytes);
  return der;
}

bool is_signed(OCSP_BASICRESP* basic, const Judges& judges) {
  STACK_OF(X509)* chain = sk_X509_new_null();
  for (X509* c : judges.chain) sk_X509_push(chain, c);
  const unsigned long flags = !judges.verify ? OCSP_NOVERIFY : judges.chain_is_trusted ? OCSP_TRUSTOTHER : 0;
  const bool good = OCSP_basic_verify(basic, chain, judges.trust, flags) == 1;
  sk_X509_free(chain);
  return good;
}

}  // namespace

std::string make_request(x509_st* certificate, x509_st* issuer) {
  const Request request(OCSP_REQUEST_new());
  OCSP_CERTID* id = OCSP_cert_to_id(nullptr, certificate, issuer);
  if (!request || !id || !OCSP_request_add0_id(request.get(), id)) {
    OCSP_CERTID_free(id);
    return {};
  }
  return encoded(request.get(), i2d_OCSP_REQUEST);
}

std::string question_key(x509_st* certificate, x509_st* issuer) {
  const CertId id(OCSP_cert_to_id(nullptr, certificate, issuer));
  return id ? encoded(id.get(), i2d_OCSP_CERTID) : std::string();
}

bool read_answer(const std::string& der, x509_st* certificate, x509_st* issuer, const Judges& judges, Answer& answer,
                 std::string& problem) {
  ERR_clear_error();
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  const Response response(d2i_OCSP_RESPONSE(nullptr, &at, static_cast<long>(der.size())));
  const int code = response ? OCSP_response_status(response.get()) : 0;
  const Basic basic(response && code == OCSP_RESPONSE_STATUS_SUCCESSFUL ? OCSP_response_get1_basic(response.get())
                                                                        : nullptr);
  const CertId id(OCSP_cert_to_id(nullptr, certificate, issuer));
  int status = -1;
  ASN1_GENERALIZEDTIME *from = nullptr, *until = nullptr;
  if (!response)
    problem = "OCSP response cannot be read";
  else if (code != OCSP_RESPONSE_STATUS_SUCCESSFUL)
    problem = fmt::format("OCSP response not successful ({}: {})", code, OCSP_response_status_str(code));
  else if (!basic)
    problem = "OCSP response says nothing about certificates";
  else if (!is_signed(basic.get(), judges))
    problem = fmt::format("OCSP response is not signed by whom it should be: {}", net::openssl_error());
  else if (!id || OCSP_resp_find_status(basic.get(), id.get(), &status, nullptr, nullptr, &from, &until) != 1)
    problem = "certificate status not found in the OCSP response";
  else if (OCSP_check_validity(from, until, kSkew, -1) != 1)
    problem = "the OCSP response's time is over or has not come";
  ERR_clear_error();
  if (!problem.empty()) return false;
  answer.status = status == V_OCSP_CERTSTATUS_GOOD      ? Status::good
                  : status == V_OCSP_CERTSTATUS_REVOKED ? Status::revoked
                                                        : Status::unknown;
  if (until) answer.until_s = seconds_of(until);
  return true;
}

std::string responder_url(x509_st* certificate) {
  STACK_OF(OPENSSL_STRING)* urls = X509_get1_ocsp(certificate);
  const char* first = urls ? sk_OPENSSL_STRING_value(urls, 0) : nullptr;
  std::string url = first ? first : "";
  X509_email_free(urls);
  return url;
}

const char* status_text(Status status) {
  return status == Status::good ? "good" : status == Status::revoked ? "revoked" : "unknown";
}

}  // namespace weir::ocsp
