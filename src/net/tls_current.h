#pragma once
// Contexts for connections to servers that are replaced while the configuration is served: servers, checks and requests go on
// naming the first one, and every new session is made of the current one. A session of one is never resumed with another, and
// an idle connection of one is not used for another's requests. Replaced on the control thread, read on all.
struct ssl_ctx_st;
struct ssl_st;

namespace weir::net {

// Once for a context, before anybody connects with it.
void let_tls_be_replaced(ssl_ctx_st* named);
// Takes over the reference to `by`.
void replace_tls(ssl_ctx_st* named, ssl_ctx_st* by);
// A session of the current one; null when there is no memory.
ssl_st* new_current_session(ssl_ctx_st* named);
// Whether the session was made of the current one.
bool is_current_session(ssl_ctx_st* named, const ssl_st* ssl);

}  // namespace weir::net
