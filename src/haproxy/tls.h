#pragma once
// TLS contexts out of the words of `bind` and `server` lines. Made on the configuration thread, freed with the model.
#include <vector>

#include "haproxy/scope.h"

struct ssl_ctx_st;

namespace weir::haproxy {

// The context of a bind line: certificates with keys from PEM files and folders, chosen by SNI. Null after an error, or when
// offline and nothing could be loaded.
ssl_ctx_st* make_listener_tls(Scope& scope, const TlsOptions& options, const Where& where);
// The context for connections to a server.
ssl_ctx_st* make_server_tls(Scope& scope, const ServerOptions& options, const Where& where);
// The `ssl-default-bind-options` words and the like: true when the word was one.
bool set_tls_word(TlsOptions& options, Str word);
// TLS versions by HAProxy's names ("TLSv1.2"); 0 for an unknown one.
int tls_version(Str name);

// Options of TLS that `bind` and `server` lines share. True when `name` was one of them; args are its arguments.
bool take_tls_option(Scope& scope, TlsOptions& options, Str name, Words args);

}  // namespace weir::haproxy
