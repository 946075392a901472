#pragma once
// sticky (ngx_http_upstream_sticky_module): requests of one session go to one server of their group, by a cookie that is set here,
// by a route, by an identifier that is learned from answers, or by what a Lua function makes of the request.
#include "nginx/module.h"
#include "proxy/step.h"

namespace weir::model {
struct Server;
}

namespace weir::nginx {

struct Sticky;

// How one request belongs to a group with `sticky`. In the transaction's arena, made when a server is first chosen.
struct StickyUse : proxy::Waiter {
  Sticky* conf = nullptr;
  proxy::Transaction* txn = nullptr;
  Str id;  // of the session, or of its server; empty: it has none
  Str cookie;  // the Set-Cookie for the server that was chosen last
  const model::Server* answered = nullptr;  // that the answer came from
  Str created;  // the session that the answer begins; empty: none
};

// The head of an answer has come. For Personality::attempt_answered.
void note_sticky_answer(proxy::Transaction& txn);
// What `server … route=` names; empty: nothing.
Str route_of(const model::Server& server);
void set_route(Scope& scope, model::Server& server, Str route);

extern const Module kStickyModule;

}  // namespace weir::nginx
