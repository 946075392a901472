#pragma once
// OCSP's questions and answers as bytes (RFC 6960): made, read and judged. Any thread.
#include <cstdint>
#include <string>
#include <vector>

struct x509_st;
struct x509_store_st;

namespace weir::ocsp {

enum class Status : uint8_t { good, revoked, unknown };

struct Answer {
  Status status = Status::unknown;
  int64_t until_s = INT64_MAX;  // of the wall clock; what the answer says, if it does
};

// By whom an answer must be signed.
struct Judges {
  x509_store_st* trust = nullptr;
  std::vector<x509_st*> chain;  // of the certificate: where signers are looked for
  bool verify = true;  // false: anybody
  bool chain_is_trusted = false;  // a signer of the chain needs no authority behind it
};

// The question about one certificate, in DER; empty: no memory.
std::string make_request(x509_st* certificate, x509_st* issuer);
// Whether the bytes are a valid answer about it; else `problem`.
bool read_answer(const std::string& der, x509_st* certificate, x509_st* issuer, const Judges& judges, Answer& answer,
                 std::string& problem);
// Where the certificate says to ask; empty: nowhere.
std::string responder_url(x509_st* certificate);
// What is the same for all answers about it: the digest of the question.
std::string question_key(x509_st* certificate, x509_st* issuer);
// "revoked" and its like.
const char* status_text(Status status);

}  // namespace weir::ocsp
