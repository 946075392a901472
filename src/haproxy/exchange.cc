// What a request keeps, and the hooks through which the expression engine and the log formats find it.
#include "haproxy/exchange.h"

#include "expr/fetch_helpers.h"
#include "haproxy/capture.h"
#include "haproxy/global.h"
#include "haproxy/haproxy.h"
#include "haproxy/personality.h"
#include "haproxy/session.h"
#include "haproxy/unique_id.h"
#include "haproxy/userlist.h"
#include "health/run.h"
#include "http/h1_server.h"
#include "net/proxy_protocol.h"
#include "proxy/shard.h"

namespace weir::haproxy {
namespace {

bool ours(const proxy::Transaction& txn) {
  return txn.personality == &personality(false) || txn.personality == &personality(true);
}

Exchange* exchange_of(const expr::Ctx& ctx) {
  return ctx.txn ? &exchange(*ctx.txn) : nullptr;
}
// The client's connection; null for subrequests. One that failed has no exchange.
http::H1Server* client_of(const expr::Ctx& ctx) {
  if (!ctx.txn) return static_cast<http::H1Server*>(ctx.client);
  return ctx.txn->client ? static_cast<http::H1Server*>(ctx.txn->client->conn()) : nullptr;
}
const Proxy* front_of(const expr::Ctx& ctx) {
  if (const Exchange* x = exchange_of(ctx)) return x->front;
  const http::H1Server* client = client_of(ctx);
  return client ? static_cast<const Proxy*>(client->listener().conf) : nullptr;
}

// --- variables ---

expr::VarTable* session_variables(const expr::Ctx& ctx) {
  http::H1Server* s = client_of(ctx);
  if (!s) return nullptr;
  return &session_of(*s, true)->variables;
}

expr::VarTable* variables(const expr::Ctx& ctx, expr::Scope scope) {
  if (scope == expr::Scope::sess) return session_variables(ctx);
  Exchange* x = exchange_of(ctx);
  if (!x) return nullptr;
  expr::VarTable** slot = nullptr;
  switch (scope) {
    case expr::Scope::txn: slot = &x->txn_vars; break;
    case expr::Scope::req: slot = &x->req_vars; break;
    case expr::Scope::res: slot = &x->res_vars; break;
    case expr::Scope::check: slot = &x->check_vars; break;
    default: return nullptr;
  }
  if (!*slot) *slot = ctx.txn->arena.own<expr::VarTable>(&ctx.txn->arena);
  return *slot;
}

// --- names and numbers ---

Str frontend_name(const expr::Ctx& ctx) {
  const Proxy* p = front_of(ctx);
  return p ? p->name : ctx.txn ? ctx.txn->listener.name : Str{};
}
uint32_t frontend_id(const expr::Ctx& ctx) {
  const Proxy* p = front_of(ctx);
  return p ? p->id : 0;
}
Str default_backend(const expr::Ctx& ctx) {
  const Proxy* p = front_of(ctx);
  return p ? p->s.default_backend : Str{};
}
uint32_t backend_id(const expr::Ctx& ctx) {
  const Exchange* x = exchange_of(ctx);
  return x && x->back ? x->back->id : x && x->front ? x->front->id : 0;
}
uint32_t server_id(const model::Server& server) {
  auto* o = static_cast<const ServerOptions*>(server.conf);
  bool haproxy = server.pool && server.pool->personality == &personality(false);
  return haproxy && o && o->id ? o->id : server.slot + 1u;
}
stats::ProxyCounters* front_counters(const expr::Ctx& ctx, Str name) {
  const Proxy* p = name.empty() ? front_of(ctx)
                   : ctx.txn    ? global(ctx.txn->shard.model).find_proxy(name, true)
                                : nullptr;
  return p ? p->front_counters : nullptr;
}
int64_t frontend_connections(const expr::Ctx& ctx, Str name) {
  const stats::ProxyCounters* c = front_counters(ctx, name);
  return c ? c->connections.current.read() : -1;
}
int64_t frontend_rate(const expr::Ctx& ctx, Str name, bool requests) {
  const stats::ProxyCounters* c = front_counters(ctx, name);
  return c ? int64_t{(requests ? c->request_rate : c->connections.rate).read(proxy::Shard::current().loop.now())} : -1;
}
int64_t process_connections() {
  return proxy::Shard::current().crew.connections.load(std::memory_order_relaxed);
}
bool stopping() {
  return proxy::Shard::current().draining();
}

// Bytes that are not parsed: what a check has received, else what is kept of the request's body.
Str inspect(const expr::Ctx& ctx, bool response) {
  health::Run* check = ctx.txn ? exchange(*ctx.txn).check : nullptr;
  if (check) return !response ? Str{} : ctx.txn->tcp ? check->input() : check->answer().body();
  bool complete = false;
  return response ? Str{} : expr::request_body(ctx, complete);
}

// --- captures, identifiers, retries ---

bool get_capture(const expr::Ctx& ctx, bool response, uint32_t slot, Str& out) {
  const Exchange* x = exchange_of(ctx);
  if (!x || !x->front) return false;
  const Str* list = response ? x->response_captures : x->request_captures;
  size_t count = response ? x->front->response_captures.size() : x->front->request_captures.size();
  if (!list || slot >= count || !list[slot].data()) return false;
  out = list[slot];
  return true;
}
bool set_capture(const expr::Ctx& ctx, bool response, uint32_t slot, Str value) {
  return ctx.txn && store_capture(*ctx.txn, response, slot, value);
}
uint32_t capture_count(const expr::Ctx& ctx, bool response) {
  const Proxy* p = front_of(ctx);
  return p ? static_cast<uint32_t>(response ? p->response_captures.size() : p->request_captures.size()) : 0;
}
bool captured_cookie(const expr::Ctx& ctx, bool response, Str& out) {
  const Exchange* x = exchange_of(ctx);
  const CookieUse* use = x ? x->persistence.cookies : nullptr;
  if (!use || !use->captured[response].data()) return false;
  out = use->captured[response];
  return true;
}
bool tracked_entry(const expr::Ctx& ctx, int64_t counter, expr::Tracked& out) {
  const Trackers::One* one = ctx.txn ? tracked(*ctx.txn, counter) : nullptr;
  if (one) out = {one->table, one->place};
  return one;
}
bool cookie_states(const expr::Ctx& ctx, char (&out)[2]) {
  const Exchange* x = exchange_of(ctx);
  if (!x) return false;
  const Proxy* back = x->back ? x->back : x->front;
  if (!back || !back->is_back() || back->s.cookie.name.empty() || !back->s.cookie.has_mode()) return false;
  const CookieUse* use = x->persistence.cookies;
  out[0] = "NIDVEOU"[use ? static_cast<int>(use->sent) : 0];
  out[1] = "NPDIRU"[use ? static_cast<int>(use->set) : 0];
  return true;
}
Str id_of(const expr::Ctx& ctx) {
  return ctx.txn ? unique_id(*ctx.txn) : Str{};
}
bool received_proxy(const expr::Ctx& ctx) {
  http::H1Server* s = client_of(ctx);
  return s && s->proxied() && s->proxied()->version;
}
Str proxy_tlvs(const expr::Ctx& ctx) {
  http::H1Server* s = client_of(ctx);
  const net::ProxyInfo* p = s ? s->proxied() : nullptr;
  return p ? p->tlvs : Str{};
}
bool first_request(const expr::Ctx& ctx) {
  http::H1Server* s = client_of(ctx);
  return !s || s->requests() <= 1;
}

bool endpoint(const net::Addr& a, expr::Endpoint& out) {
  if (!a.is_ip()) return false;
  out.address = a.family == AF_INET ? expr::Value::of(a.v4) : expr::Value::of(a.v6);
  out.port = a.port;
  return true;
}
bool source(const expr::Ctx& ctx, expr::Endpoint& out) {
  const Exchange* x = exchange_of(ctx);
  return x && x->source && endpoint(*x->source, out);
}
bool destination(const expr::Ctx& ctx, expr::Endpoint& out) {
  const Exchange* x = exchange_of(ctx);
  return x && x->destination && endpoint(*x->destination, out);
}

bool wire_destination(const expr::Ctx& ctx, expr::Endpoint& out) {
  const http::H1Server* s = client_of(ctx);
  return s && endpoint(s->wire_destination(), out);
}

int64_t milliseconds(uint32_t timeout) {
  return timeout == kForever ? 0 : timeout;
}

// The configured value. Queue and tarpit follow the connect timeout where they are not set.
int64_t configured(const Exchange& x, expr::Limit which) {
  const Settings& front = (x.front ? x.front : x.back)->s;
  const Settings& back = (x.back ? x.back : x.front)->s;
  const Timeouts& t = back.timeouts;
  auto or_connect = [](const Timeouts& of, uint32_t ms) { return milliseconds(ms != kForever ? ms : of.connect); };
  switch (which) {
    case expr::Limit::client: return milliseconds(front.timeouts.client);
    case expr::Limit::connect: return milliseconds(t.connect);
    case expr::Limit::queue: return or_connect(t, t.queue);
    case expr::Limit::server: return milliseconds(t.server);
    case expr::Limit::tarpit: return or_connect(t, t.tarpit);
    case expr::Limit::tunnel: return milliseconds(t.tunnel);
    case expr::Limit::retries: return back.retries;
    case expr::Limit::front_tarpit: return or_connect(front.timeouts, front.timeouts.tarpit);
  }
  return 0;
}

// What a rule made of it; kForever: nothing.
uint32_t overridden(const Exchange& x, expr::Limit which) {
  if (which == expr::Limit::retries) return x.retries;
  if (!x.overrides) return kForever;
  const Timeouts& t = *x.overrides;
  switch (which) {
    case expr::Limit::client: return t.client;
    case expr::Limit::connect: return t.connect;
    case expr::Limit::queue: return t.queue;
    case expr::Limit::server: return t.server;
    case expr::Limit::tarpit: return t.tarpit;
    case expr::Limit::tunnel: return t.tunnel;
    default: return kForever;
  }
}

bool limit(const expr::Ctx& ctx, expr::Limit which, bool current, int64_t& out) {
  const Exchange* x = exchange_of(ctx);
  if (!x || (!x->front && !x->back)) return false;
  uint32_t set = current ? overridden(*x, which) : kForever;
  out = set != kForever ? set : configured(*x, which);
  return true;
}

bool last_rule(const expr::Ctx& ctx, Str& file, uint32_t& line) {
  const Exchange* x = exchange_of(ctx);
  if (!x || !x->last_rule || !x->last_rule->source) return false;
  file = x->last_rule->source->path;
  line = x->last_rule->line;
  return true;
}

bool authenticate(const expr::Ctx& ctx, Str list, Str user, Str password, Str* groups) {
  if (!ctx.txn) return false;
  for (const UserList* l : global(ctx.txn->shard.model).user_lists) {
    if (l->name != list) continue;
    const UserList::User* u = find_list_user(*l, user);
    if (!u || !password_fits(*u, password)) return false;
    if (!groups) return true;
    std::string names;
    auto add = [&](Str name) { names.append(names.empty() ? "" : ",").append(name); };
    for (Str g : u->groups) add(g);
    for (const UserList::Group& g : l->groups)
      for (Str member : g.users)
        if (member == user) add(g.name);
    *groups = ctx.arena->dup(names);
    return true;
  }
  return false;
}

}  // namespace

Exchange& exchange(proxy::Transaction& txn) {
  void*& slot = ours(txn) ? txn.extra : txn.pool_extra;
  if (!slot) slot = txn.arena.make<Exchange>();
  return *static_cast<Exchange*>(slot);
}

void install_hooks() {
  expr::Hooks& h = expr::hooks;
  h.variables = variables;
  h.received_proxy = received_proxy;
  h.proxy_tlvs = proxy_tlvs;
  h.frontend_name = frontend_name;
  h.frontend_id = frontend_id;
  h.default_backend = default_backend;
  h.backend_id = backend_id;
  h.server_id = server_id;
  h.frontend_connections = frontend_connections;
  h.frontend_rate = frontend_rate;
  h.process_connections = process_connections;
  h.unique_id = id_of;
  h.capture = get_capture;
  h.set_capture = set_capture;
  h.capture_count = capture_count;
  h.captured_cookie = captured_cookie;
  h.cookie_states = cookie_states;
  h.tracked = tracked_entry;
  h.first_request = first_request;
  h.inspect = inspect;
  h.stopping = stopping;
  h.source = source;
  h.destination = destination;
  h.wire_destination = wire_destination;
  h.limit = limit;
  h.last_rule = last_rule;
  h.authenticate = authenticate;
}

}  // namespace weir::haproxy
