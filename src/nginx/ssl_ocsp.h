#pragma once
// OCSP in ngx_http_ssl_module: ssl_stapling with a responder that is asked, ssl_ocsp for clients' certificates.
#include "nginx/module.h"

struct ssl_ctx_st;
struct ssl_st;

namespace weir::nginx {

extern const Module kSslOcspModule;

// For the server's context once it is made; `certificate`: its first one's name. Where stapling is to be had from responders.
void staple_from_responders(Scope& scope, const ServerBlock& server, ssl_ctx_st* context, Str certificate);
// Where the server wants its clients' certificates asked about. `complete`: they are verified with authorities.
void ask_about_clients(Scope& scope, const ServerBlock& server, ssl_ctx_st* context, bool complete);

}  // namespace weir::nginx
