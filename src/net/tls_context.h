#pragma once
// OpenSSL contexts out of configured settings. Made at configuration time, before privileges drop; used by all shards.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/str.h"
#include "net/tls_problem.h"

struct ssl_ctx_st;
struct ssl_st;

namespace weir::net {

class TlsIdentity;
class TlsSessionCache;
class TlsTrustFiles;
class TlsFiles;
struct TicketKeys;

enum TlsProtocol : uint32_t { kTls10 = 1, kTls11 = 2, kTls12 = 4, kTls13 = 8 };
// The bit of "TLSv1.2" and its like, 0 when unknown.
uint32_t tls_protocol_bit(Str name);

// What both sides of a connection can be told.
struct TlsOptions {
  uint32_t protocols = kTls12 | kTls13;
  std::string ciphers;       // TLS 1.2 and older, OpenSSL's notation; empty: OpenSSL's default
  std::string ciphersuites;  // TLS 1.3
  std::vector<std::pair<std::string, std::string>> pairs;  // certificate file, key file
  std::shared_ptr<const TlsIdentity> identity;  // in place of `pairs`
  std::string identity_name;  // what the certificate was configured as
  TlsFiles* files = nullptr;  // has read some of `pairs` already; null: each is read anew
  std::string passwords;     // file with the keys' pass phrases, one a line
  std::string authorities;   // certificates that the peer's is verified with; "@system-ca" for the system's
  std::string more_authorities;  // in addition
  std::string revoked;       // certificate revocation lists for it
  const TlsTrustFiles* trust = nullptr;  // has what files of the three are; what it lacks is read
  int verify_depth = 1;  // below 0: OpenSSL's default
  std::string curves;        // "auto" or empty: OpenSSL's default
  std::string sigalgs;       // of our signatures; empty: OpenSSL's default
  std::string client_sigalgs;  // of signatures with the client's certificate
  std::vector<std::string> alpn;  // protocols in the order of preference (RFC 7301); empty: no such extension
  std::vector<std::pair<std::string, std::string>> commands;  // SSL_CONF_cmd(3), in order
};

// How a server takes its clients' certificates.
enum class TlsVerify : uint8_t {
  off,
  ask,  // wants one; the handshake goes on without one or with a bad one, and SSL_get_verify_result tells
  optional,  // wants one; a bad one ends the handshake
  required,
};

// Errors of verification, by OpenSSL's numbers (X509_STORE_CTX_get_error(3)), that do not end the handshake.
struct TlsTolerated {
  bool all = false;
  std::vector<int> errors;
};

enum class TlsCache : uint8_t {
  off,      // no session id is given out
  none,     // ids are given out and nothing is kept
  builtin,  // OpenSSL's, in this process
  shared,   // `sessions`
};

struct TlsServerOptions : TlsOptions {
  std::string dh_params;     // file
  bool prefer_server_ciphers = false;
  bool tickets = true;
  bool reject = false;       // no certificate is needed: every handshake ends with an alert
  TlsVerify verify = TlsVerify::off;
  std::string client_authorities;  // like `authorities`, and told to clients
  TlsTolerated leaf_errors;  // with `optional` and `required`: of the client's certificate
  TlsTolerated chain_errors;  // and of its issuers
  TlsCache cache = TlsCache::none;
  size_t builtin_sessions = 0;  // 0: OpenSSL's default
  TlsSessionCache* sessions = nullptr;
  TicketKeys* ticket_keys = nullptr;  // null: OpenSSL's own, of this context
  int64_t session_timeout_s = 300;
  bool alpn_must_match = false;   // a client that offers none of them gets an alert; else it gets no answer
  std::string stapled;  // file with the OCSP response of the first certificate, in DER
  std::string late_names;  // of certificates that only handshakes choose: sessions of others are not resumed
};

// What was wrong with the peer's certificates, tolerated or not, by OpenSSL's numbers; 0: nothing.
struct TlsVerdict {
  int leaf = 0;
  int chain = 0;
  int chain_depth = 0;
};
TlsVerdict tls_verdict(const ssl_st* ssl);
// TlsOptions::identity_name of the certificate that is shown.
Str tls_identity_name(const ssl_st* ssl);

// Null with everything that is wrong in `problems`; of a client's also the first of it in `problem`.
ssl_ctx_st* make_tls_server(const TlsServerOptions& options, TlsProblems& problems);

struct TlsClientOptions : TlsOptions {
  bool verify = false;
  std::string host;  // that the certificate must be for where a connection names none; empty: any
  bool common_name_counts = false;  // beside the alternative names
  bool resume = true;  // sessions of earlier connections (net/tls_client.h)
};
// The file is one of those that the options' contexts are made of.
bool uses_trust(const TlsOptions& options, Str file);
bool uses_trust(const TlsServerOptions& options, Str file);
ssl_ctx_st* make_tls_client(const TlsClientOptions& options, TlsProblems& problems);
ssl_ctx_st* make_tls_client(const TlsClientOptions& options, std::string& problem);

// Whether the value of that command of SSL_CONF_cmd(3) is the name of a file or a directory.
bool tls_command_takes_path(const std::string& command);

void free_tls(ssl_ctx_st* context);
// In a client hello callback: goes on with another context, its options and verification included. What a session may be
// resumed for is decided by the context that is chosen here, before OpenSSL looks for the session: one of a host that asks for
// client certificates does not let in who resumes a session of another (RFC 8446 4.6.1; RFC 6066 3).
void switch_tls_context(ssl_st* ssl, ssl_ctx_st* context);
// In a client hello callback, the host name that the client sent, as it sent it; empty: none, or not a host name (RFC 6066 3).
Str tls_hello_name(ssl_st* ssl);

}  // namespace weir::net
