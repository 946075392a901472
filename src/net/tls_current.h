#pragma once
// Contexts for connections to servers that are replaced while the configuration is served: servers, checks and requests go on
// naming the first one, and every new session is made of the current one. A session of one is never resumed with another, and
// an idle connection of one is not used for another's requests. Replaced on the control thread, read on all.
#include <cstdint>

struct ssl_ctx_st;
struct ssl_st;

namespace weir::net {

// Gives a new context a number that no other one has or had: another one may come to lie where this one was.
void number_tls(ssl_ctx_st* made);
// That number of the context that the session was made of.
uint64_t tls_number(const ssl_st* ssl);
// And of the current one.
uint64_t current_tls_number(ssl_ctx_st* named);
// Once for a context, before anybody connects with it.
void let_tls_be_replaced(ssl_ctx_st* named);
// Takes over the reference to `by`.
void replace_tls(ssl_ctx_st* named, ssl_ctx_st* by);
// A session of the current one; null when there is no memory.
ssl_st* new_current_session(ssl_ctx_st* named);

}  // namespace weir::net
