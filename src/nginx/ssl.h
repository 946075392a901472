#pragma once
// ssl_* of servers: certificates and what the handshake allows; the certificate is chosen by SNI.
#include "nginx/module.h"

struct ssl_ctx_st;

namespace weir::nginx {

struct Address;
extern const Module kSslModule;

// Whether the old `ssl on` makes every address of the server speak TLS. Good once levels are merged.
bool all_tls(const ServerBlock& server);
// The TLS context of a listener: the fallback server's, with the others chosen by SNI. Null after reporting what is wrong.
ssl_ctx_st* make_tls(Scope& scope, Address& address);

}  // namespace weir::nginx
