#pragma once
// Persistence by cookie: the client's cookie says which server it belongs to (steps of a backend), and responses bring it one. Also
// the captures of `capture cookie`. Steps run on the request's resp. response cursor and never wait.
#include "haproxy/exchange.h"
#include "haproxy/scope.h"

namespace weir::haproxy {

// Whether requests of this backend and its frontend have cookies to be looked at.
bool watches_cookies(const Proxy* front, const Proxy* back);
// Steps of the backend in `conf`: force-persist and ignore-persist, and the cookies of the request.
proxy::Next run_persist_rules(proxy::Transaction& txn, proxy::Cursor&, const void* conf);
proxy::Next run_request_cookies(proxy::Transaction& txn, proxy::Cursor&, const void* conf);
// What runs on the response of a server: cookies of requests that watches_cookies() says, and what stick rules store.
extern const proxy::Segment kResponsePersistence;
// The log's letters and captures of a request that was refused before its cookies were looked at.
void note_refused_cookies(proxy::Transaction& txn, Exchange& x);

// The value by which a cookie names this server of that backend; empty: none does. `buffer` may hold it.
Str cookie_of(const model::Server& server, const Proxy& back, char (&buffer)[16]);
// Whether persistence may send a request there now: it serves, or the proxy or a rule insists.
bool persists_on(const model::Server& server, const Proxy& back, const Persistence& p, uint64_t now_ms);

// Warns of cookies where there is no HTTP.
void check_cookies(Scope& scope, const Proxy& p);

}  // namespace weir::haproxy
