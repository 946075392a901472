#pragma once
// proxy_ssl_*: how proxy_pass https://… speaks TLS to its servers.
#include "net/tls_client.h"
#include "nginx/module.h"

namespace weir::nginx {

struct ProxySsl;
extern const Module kProxySslModule;

// What the location's servers are spoken to with; null after reporting what is wrong. Once levels are merged.
const ProxySsl* make_proxy_ssl(Scope& scope, const Location& location, config::Where where);
// Has the certificate read whose name depends on the request. False: the step waits and is called again.
bool find_proxy_certificate(proxy::Transaction& txn, proxy::Cursor& cursor, const ProxySsl& ssl);
// Why it is not there; empty: it is, or none is wanted.
Str proxy_certificate_problem(proxy::Transaction& txn);
// For one request; `host` is $proxy_host.
net::TlsTo tls_to_server(proxy::Transaction& txn, const ProxySsl& ssl, Str host);

}  // namespace weir::nginx
