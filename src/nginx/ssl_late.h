#pragma once
// Certificates and keys whose names have variables (ngx_http_ssl_module's ssl_certificate, proxy_ssl_certificate): chosen for each
// handshake and read when they are needed, for a while by ssl_certificate_cache.
#include "net/tls_files.h"
#include "nginx/module.h"

struct ssl_ctx_st;

namespace weir::nginx {

// A name of a certificate or key as it stands in the configuration. Without variables, the file's path.
struct LateName {
  const Script* script = nullptr;
  Str folder;  // of relative names
  std::string eval(proxy::Transaction& txn) const;
};

// The certificates of one server. Lives as long as the model.
struct LateCertificates {
  struct Pair {
    LateName certificate, key;
  };
  std::vector<Pair> pairs;
  std::vector<std::string> passwords;
  net::TlsFiles* files = nullptr;
  const ServerBlock* server = nullptr;
};

bool has_variables(Str text);
// While variables may still be used for the first time.
LateName late_name(Scope& scope, Str text, config::Where where);
// The path of a file named in the configuration, from its folder; "data:" and "store:" stay.
Str key_path(Scope& scope, Str text);
// "off", or max=N [inactive=TIME] [valid=TIME]; null: nothing is kept.
void bind_certificate_cache(Scope& scope, const Directive& d, net::TlsFiles*& out);
// What keeps nothing, for all that have no cache of their own.
net::TlsFiles* no_certificate_cache();
// Handshakes with this context choose their certificates.
void choose_late(ssl_ctx_st* context, const LateCertificates& late);

// For requests to servers: reads the certificate on the thread pool. False: the step waits and is called again.
struct LateIdentity;
LateIdentity* start_late(proxy::Transaction& txn, proxy::Cursor& cursor, const LateCertificates& late);
// The same at once, for health checks, which have no step that could wait.
LateIdentity* read_late(proxy::Transaction& txn, const LateCertificates& late);
bool late_done(const LateIdentity& late);
// Null: it could not be read, or none is named; the reason is in `problem`, empty: the latter.
const net::TlsIdentity* late_identity(const LateIdentity& late, Str& problem);

}  // namespace weir::nginx
