#pragma once
// TLS contexts out of the words of `bind` and `server` lines. Made on the configuration thread, freed with the model.
#include <string>

#include "haproxy/scope.h"
#include "net/tls_client.h"
#include "net/tls_context.h"

namespace weir::proxy {
class Transaction;
struct Forward;
}  // namespace weir::proxy

namespace weir::haproxy {

// --- contexts ---

// The context of a bind line: certificates with keys from files, folders and lists, chosen by SNI. Null after an error, or when
// offline and nothing could be loaded.
ssl_ctx_st* make_listener_tls(Scope& scope, const TlsOptions& options, const Where& where);
// The context for connections to a server, which operators know by that name.
ssl_ctx_st* make_server_tls(Scope& scope, const ServerOptions& options, const std::string& name, const Where& where);
// What name connections to the server ask for: reads `sni`.
void set_server_name(Scope& scope, model::Server& server, ServerOptions& options);
// How a connection for that request speaks TLS to its server: proxy::Forward::tls.
net::TlsTo tls_to_server(proxy::Transaction& txn, const proxy::Forward& plan);

// --- words ---

// The `ssl-default-bind-options` words and the like: true when the word was one.
bool set_tls_word(TlsOptions& options, Str word);
// TLS versions by HAProxy's names ("TLSv1.2"), as OpenSSL numbers them; 0 for an unknown one.
int tls_version(Str name);
// Options of TLS that `bind` and `server` lines share. True when `name` was one of them; args are its arguments.
bool take_tls_option(Scope& scope, TlsOptions& options, Str name, Words args);

// --- for both kinds of contexts ---

// What both sides are told, but for certificates and trust.
void set_common(Scope& scope, const TlsOptions& options, net::TlsOptions& to);
// The path of a file or folder of authorities, which is read now unless it was before; "@system-ca" stays. Empty where none is
// named.
std::string authorities_file(Scope& scope, const Word& file);
// One that nobody is verified with has to be there all the same, as in HAProxy.
void expect_authorities(Scope& scope, const Word& file);
// Tells what is wrong with a context of these options; `where` is the line's.
void tell_tls(Scope& scope, const TlsOptions& options, const Where& where, const net::TlsProblems& problems);
// The ticket keys of all that configure none.
net::TicketKeys* shared_keys(Scope& scope);

}  // namespace weir::haproxy
