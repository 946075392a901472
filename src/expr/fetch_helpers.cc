// See fetch_helpers.h.
#include "expr/fetch_helpers.h"

#include <algorithm>

#include "expr/args.h"
#include "http/h1_parser.h"

namespace weir::expr {

net::Conn* client_conn(const Ctx& ctx) {
  if (ctx.client) return ctx.client;
  return ctx.txn && ctx.txn->client ? ctx.txn->client->conn() : nullptr;
}

net::Conn* server_conn(const Ctx& ctx) {
  return ctx.txn && ctx.txn->upstream ? ctx.txn->upstream->conn() : nullptr;
}

bool endpoint_of(const net::Addr& a, Endpoint& out) {
  if (!a.is_ip()) return false;
  out.address = a.family == AF_INET ? Value::of(a.v4) : Value::of(a.v6);
  out.port = a.port;
  return true;
}

bool client_source(const Ctx& ctx, Endpoint& out) {
  if (hooks.source && hooks.source(ctx, out)) return out.address.present();
  const net::Conn* c = client_conn(ctx);
  return c && endpoint_of(c->peer(), out);
}

bool client_destination(const Ctx& ctx, Endpoint& out) {
  if (hooks.destination && hooks.destination(ctx, out)) return out.address.present();
  const net::Conn* c = client_conn(ctx);
  return c && endpoint_of(c->local(), out);
}

namespace {

// In TCP mode rules about the content may ask for a request's parts: the head that the content begins with, once it is all
// there.
const http::Message* request_in_content(const Ctx& ctx) {
  static const http::H1Limits limits = [] {
    http::H1Limits l;
    l.strict_names = true;
    return l;
  }();
  bool complete = false;
  Str content = request_body(ctx, complete);
  size_t scanned = 0;
  size_t size = http::find_head_end(content, scanned);
  if (!size || !http::may_begin_request(content)) return nullptr;
  auto* m = ctx.arena->make<http::Message>(*ctx.arena);
  return http::parse_request_head(ctx.arena->dup(content.substr(0, size)), limits, *m).ok() ? m : nullptr;
}

}  // namespace

const http::Message* request_of(const Ctx& ctx) {
  if (!ctx.txn) return nullptr;
  if (ctx.txn->tcp) return request_in_content(ctx);
  return !ctx.txn->request.method_text.empty() ? &ctx.txn->request : nullptr;
}

bool may_become_request(const Ctx& ctx) {
  bool complete = false;
  Str content = request_body(ctx, complete);
  size_t scanned = 0;
  return !complete && http::may_begin_request(content) && !http::find_head_end(content, scanned);
}

const http::Message* response_of(const Ctx& ctx) {
  return ctx.txn && !ctx.txn->tcp && ctx.txn->response.status ? &ctx.txn->response : nullptr;
}

Str request_body(const Ctx& ctx, bool& complete) {
  const proxy::BodyCollector* body = ctx.txn ? ctx.txn->collected() : nullptr;
  complete = body ? body->complete : ctx.txn && ctx.txn->request.body == http::Body::none;
  return body ? body->text() : Str{};
}

bool not_yet(const Ctx& ctx) {
  if (!ctx.final && ctx.may_change) *ctx.may_change = true;
  return false;
}

Str path_with_query(const http::Message& m) {
  return m.path.starts_with('/') ? m.path : Str{};
}

Str version_text(uint8_t version) {
  switch (version) {
    case 10: return "1.0";
    case 11: return "1.1";
    case 20: return "2.0";
    case 30: return "3.0";
    default: return "0.9";
  }
}

namespace {

int64_t between(uint64_t from, uint64_t to) {
  return from && to ? static_cast<int64_t>(to) - static_cast<int64_t>(from) : -1;
}

}  // namespace

Timers timers_of(const Ctx& ctx) {
  const proxy::Transaction& txn = *ctx.txn;
  const proxy::Times& t = txn.times;
  Timers out{};
  out.handshake = hooks.handshake_ms ? hooks.handshake_ms(ctx) : 0;
  uint64_t end = t.end_ms ? t.end_ms : txn.client && txn.client->conn() ? txn.client->conn()->loop().now() : 0;
  out.idle = t.idle_ms ? between(t.accept_ms, t.idle_ms) : between(t.accept_ms, t.head_ms);
  out.request = t.head_ms ? between(t.idle_ms ? t.idle_ms : t.head_ms, t.head_ms) : -1;
  out.idle = std::max<int64_t>(out.idle - out.handshake, 0);
  out.request_all = between(t.accept_ms, t.head_ms);
  if (txn.rejected) out.request = out.request_all = -1;
  out.queue = between(t.head_ms, t.queue_ms);
  // After a tarpit. HAProxy logs no time of such a request; the wait counts from the connection's beginning, and from -1.
  if (t.queue_ms && !txn.plan && !t.connect_ms) {
    out.request = out.request_all = -1;
    out.queue = between(t.accept_ms, t.queue_ms) + 1;
  }
  out.connect = between(t.queue_ms, t.connect_ms);
  out.response = between(t.connect_ms, t.response_ms);
  out.data = between(txn.tcp ? t.connect_ms : t.response_ms, end);
  out.total = between(t.accept_ms, end);
  if (out.total < 0) out.total = 0;
  out.user = out.total - out.idle;
  out.active = out.user - out.handshake;
  return out;
}

const model::Pool* pool_argument(const Ctx& ctx, const Arg& arg) {
  auto* r = static_cast<const Reference*>(arg.object);
  if (r && !r->name.empty()) return r->pool;
  return ctx.txn ? ctx.txn->pool : nullptr;
}

bool serving(const model::Server& server) {
  const model::ServerState& s = *server.state;
  return !server.without_address() &&
         s.admin.load(std::memory_order_relaxed) == static_cast<uint8_t>(model::Admin::ready) &&
         s.up.load(std::memory_order_relaxed);
}

int64_t serving_count(const model::Pool& pool) {
  int64_t active = 0;
  int64_t backup = 0;
  for (const model::Server* s : pool.servers)
    if (serving(*s)) (s->backup ? backup : active)++;
  return active ? active : backup;
}

}  // namespace weir::expr
