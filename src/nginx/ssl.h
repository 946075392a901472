#pragma once
// ssl_* of servers: certificates and what the handshake allows; the certificate is chosen by SNI.
#include "nginx/module.h"

struct ssl_ctx_st;

namespace weir::net {
class TlsFiles;
struct TlsOptions;
}  // namespace weir::net
namespace weir::proxy {
struct Segment;
class Transaction;
}  // namespace weir::proxy

namespace weir::nginx {

struct Address;
struct Names;
struct Request;
extern const Module kSslModule;

// A command of SSL_CONF_cmd(3).
struct TlsCommand {
  Str name, value;
};
// Of a directive with the two; file names are taken as those of the configuration are.
TlsCommand tls_command(Scope& scope, const Directive& d);

// Lets files that several servers and locations name be read once.
void share_tls_files(Scope& scope, net::TlsOptions& options);
// Warns of a certificate under that name whose time is over.
void warn_expired(Scope& scope, net::TlsFiles& files, const std::string& certificate, config::Where where);

// Whether the old `ssl on` makes every address of the server speak TLS. Good once levels are merged.
bool all_tls(const ServerBlock& server);
// The TLS context of a listener: the fallback server's, with the others chosen by SNI. Null after reporting what is wrong.
ssl_ctx_st* make_tls(Scope& scope, Address& address);
// Of a request over TLS: what answers it instead, when the server wants a certificate that the client did not show, or when
// another server was named in the handshake (421, 495, 496). Null: nothing is wrong.
const proxy::Segment* certificate_problem(const proxy::Transaction& txn, const Names& names, const Request& request);

}  // namespace weir::nginx
