// Fetches about frontends, backends and servers. Names of backends and servers are resolved when the configuration is
// complete; without a name the current backend is meant.
#include <algorithm>

#include "expr/args.h"
#include "expr/fetch_helpers.h"
#include "expr/tables.h"
#include "proxy/shard.h"

namespace weir::expr {
namespace {

int64_t load(const std::atomic<int32_t>& n) {
  return n.load(std::memory_order_relaxed);
}
int64_t load(const Gauge& n) {
  return n.read();
}

// --- frontends ---

bool fe_name(const Ctx& ctx, const Arg*, Value& out) {
  if (hooks.frontend_name) return give(out, hooks.frontend_name(ctx));
  return ctx.txn && give(out, ctx.txn->listener.name);
}
bool fe_id(const Ctx& ctx, const Arg*, Value& out) {
  if (hooks.frontend_id) return give(out, int64_t{hooks.frontend_id(ctx)});
  return ctx.txn && give(out, int64_t{ctx.txn->listener.id});
}
bool fe_defbe(const Ctx& ctx, const Arg*, Value& out) {
  Str name = hooks.default_backend ? hooks.default_backend(ctx) : Str{};
  return !name.empty() && give(out, name);
}
bool fe_conn(const Ctx& ctx, const Arg* args, Value& out) {
  if (!hooks.frontend_connections) return false;
  auto* r = static_cast<const Reference*>(args[0].object);
  int64_t n = hooks.frontend_connections(ctx, r ? r->name : Str{});
  return n >= 0 && give(out, n);
}
template <bool requests>
bool fe_rate(const Ctx& ctx, const Arg* args, Value& out) {
  if (!hooks.frontend_rate) return false;
  auto* r = static_cast<const Reference*>(args[0].object);
  int64_t n = hooks.frontend_rate(ctx, r ? r->name : Str{}, requests);
  return n >= 0 && give(out, n);
}
bool so_id(const Ctx& ctx, const Arg*, Value& out) {
  return ctx.txn && give(out, int64_t{ctx.txn->listener.id});
}
bool so_name(const Ctx& ctx, const Arg*, Value& out) {
  return ctx.txn && !ctx.txn->listener.name.empty() && give(out, ctx.txn->listener.name);
}
bool dst_conn(const Ctx& ctx, const Arg*, Value& out) {
  return hooks.listener_connections && give(out, hooks.listener_connections(ctx));
}

// --- backends ---

bool be_name(const Ctx& ctx, const Arg* args, Value& out) {
  const model::Pool* pool = ctx.txn ? ctx.txn->pool : nullptr;
  return pool ? give(out, pool->name) : fe_name(ctx, args, out);
}
bool be_id(const Ctx& ctx, const Arg* args, Value& out) {
  if (hooks.backend_id) return give(out, int64_t{hooks.backend_id(ctx)});
  const model::Pool* pool = ctx.txn ? ctx.txn->pool : nullptr;
  return pool ? give(out, int64_t{pool->id}) : fe_id(ctx, args, out);
}
bool nbsrv(const Ctx& ctx, const Arg* args, Value& out) {
  const model::Pool* pool = pool_argument(ctx, args[0]);
  return pool && give(out, serving_count(*pool));
}
bool be_conn(const Ctx& ctx, const Arg* args, Value& out) {
  const model::Pool* pool = pool_argument(ctx, args[0]);
  return pool && give(out, load(pool->state->current));
}
bool be_sess_rate(const Ctx& ctx, const Arg* args, Value& out) {
  const model::Pool* pool = pool_argument(ctx, args[0]);
  return pool && give(out, int64_t{pool->state->rate.read(proxy::Shard::current().loop.now())});
}
// Room on the servers that take requests now; -1 when one has no limit.
bool be_conn_free(const Ctx& ctx, const Arg* args, Value& out) {
  const model::Pool* pool = pool_argument(ctx, args[0]);
  if (!pool) return false;
  bool active = false;
  for (const model::Server* s : pool->servers) active |= serving(*s) && !s->backup;
  int64_t sum = 0;
  for (const model::Server* s : pool->servers) {
    if (!serving(*s) || (active && s->backup)) continue;
    if (!load(s->state->max_conns)) return give(out, int64_t{-1});
    sum += std::max<int64_t>(0, load(s->state->max_conns) - load(s->state->current));
    if (!active) break;
  }
  return give(out, sum);
}
int64_t queued(const model::Pool& pool) {
  return load(pool.state->queued);
}
bool queue(const Ctx& ctx, const Arg* args, Value& out) {
  const model::Pool* pool = pool_argument(ctx, args[0]);
  return pool && give(out, queued(*pool));
}
bool avg_queue(const Ctx& ctx, const Arg* args, Value& out) {
  const model::Pool* pool = pool_argument(ctx, args[0]);
  if (!pool) return false;
  int64_t servers = serving_count(*pool);
  int64_t waiting = queued(*pool);
  return give(out, servers ? (waiting + servers - 1) / servers : waiting * 2);
}
// Free places on servers and in their queues; -1 when a limit is missing.
bool connslots(const Ctx& ctx, const Arg* args, Value& out) {
  const model::Pool* pool = pool_argument(ctx, args[0]);
  if (!pool) return false;
  int64_t queues = hooks.backend_limit ? hooks.backend_limit(*pool) : -1;
  int64_t sum = queues;
  for (const model::Server* s : pool->servers) {
    if (!s->state->up.load(std::memory_order_relaxed) || s->absent()) continue;
    if (!s->max_conns || queues < 0) return give(out, int64_t{-1});
    sum += load(s->state->max_conns) - load(s->state->current) - load(s->state->queued);
  }
  return give(out, std::max<int64_t>(0, sum));
}

// --- servers ---

const model::Server* server_argument(const Ctx& ctx, const Arg& arg) {
  auto* r = static_cast<const Reference*>(arg.object);
  if (!r || r->target || !r->name.empty() || !ctx.txn || !ctx.txn->pool) return r ? r->target : nullptr;
  for (const model::Server* s : ctx.txn->pool->servers)
    if (s->name == r->server && !s->absent()) return s;
  return nullptr;
}
bool srv_name(const Ctx& ctx, const Arg*, Value& out) {
  return ctx.txn && ctx.txn->server && give(out, ctx.txn->server->name);
}
bool srv_id(const Ctx& ctx, const Arg*, Value& out) {
  const model::Server* s = ctx.txn ? ctx.txn->server : nullptr;
  if (!s) return false;
  return give(out, hooks.server_id ? int64_t{hooks.server_id(*s)} : s->slot + int64_t{1});
}
bool srv_is_up(const Ctx& ctx, const Arg* args, Value& out) {
  const model::Server* s = server_argument(ctx, args[0]);
  if (!s) return false;
  bool maint = s->state->admin.load(std::memory_order_relaxed) == static_cast<uint8_t>(model::Admin::maint);
  return give_bool(out, s->state->up.load(std::memory_order_relaxed) && !maint);
}
bool srv_conn(const Ctx& ctx, const Arg* args, Value& out) {
  const model::Server* s = server_argument(ctx, args[0]);
  return s && give(out, load(s->state->current));
}
bool srv_conn_free(const Ctx& ctx, const Arg* args, Value& out) {
  const model::Server* s = server_argument(ctx, args[0]);
  if (!s) return false;
  return give(out, load(s->state->max_conns) ? std::max<int64_t>(0, load(s->state->max_conns) - load(s->state->current))
                                             : int64_t{-1});
}
bool srv_sess_rate(const Ctx& ctx, const Arg* args, Value& out) {
  const model::Server* s = server_argument(ctx, args[0]);
  return s && give(out, int64_t{s->state->rate.read(proxy::Shard::current().loop.now())});
}
bool srv_queue(const Ctx& ctx, const Arg* args, Value& out) {
  const model::Server* s = server_argument(ctx, args[0]);
  return s && give(out, load(s->state->queued));
}
bool srv_weight(const Ctx& ctx, const Arg* args, Value& out) {
  const model::Server* s = server_argument(ctx, args[0]);
  return s && give(out, load(s->state->weight));
}
bool srv_iweight(const Ctx& ctx, const Arg* args, Value& out) {
  const model::Server* s = server_argument(ctx, args[0]);
  return s && give(out, int64_t{s->weight});
}

// --- the queue ---

bool prio_class(const Ctx& ctx, const Arg*, Value& out) {
  return ctx.txn && give(out, int64_t{ctx.txn->priority.rank});
}
bool prio_offset(const Ctx& ctx, const Arg*, Value& out) {
  return ctx.txn && give(out, int64_t{ctx.txn->priority.offset_ms});
}

constexpr Type kInt = Type::integer;
constexpr Type kText = Type::string;

// clang-format off
constexpr FetchDef kTable[] = {
    {"avg_queue", 1, 1, kInt, kAnywhere, avg_queue, nullptr, "waiting requests per server of a backend", "b"},
    {"be_conn", 1, 1, kInt, kAnywhere, be_conn, nullptr, "requests that a backend serves now", "b"},
    {"be_conn_free", 1, 1, kInt, kAnywhere, be_conn_free, nullptr, "free places on the servers of a backend", "b"},
    {"be_id", 0, 0, kInt, kBackend, be_id, nullptr, "the id of the current backend"},
    {"be_name", 0, 0, kText, kBackend, be_name, nullptr, "the name of the current backend"},
    {"be_sess_rate", 1, 1, kInt, kAnywhere, be_sess_rate, nullptr, "new sessions of a backend per second", "b"},
    {"connslots", 1, 1, kInt, kAnywhere, connslots, nullptr, "free places on the servers of a backend and in their queues", "b"},
    {"dst_conn", 0, 0, kInt, kClientConn, dst_conn, nullptr, "connections on the same listening socket"},
    {"fe_conn", 1, 1, kInt, kAnywhere, fe_conn, nullptr, "connections of a frontend", "f"},
    {"fe_defbe", 0, 0, kText, kClientConn, fe_defbe, nullptr, "the default backend of the frontend"},
    {"fe_id", 0, 0, kInt, kClientConn, fe_id, nullptr, "the id of the frontend"},
    {"fe_name", 0, 0, kText, kClientConn, fe_name, nullptr, "the name of the frontend"},
    {"fe_req_rate", 1, 1, kInt, kAnywhere, fe_rate<true>, nullptr, "requests of a frontend per second", "f"},
    {"fe_sess_rate", 1, 1, kInt, kAnywhere, fe_rate<false>, nullptr, "new connections of a frontend per second", "f"},
    {"nbsrv", 1, 1, kInt, kAnywhere, nbsrv, nullptr, "usable servers of a backend", "b"},
    {"prio_class", 0, 0, kInt, kAnywhere, prio_class, nullptr, "the request's class in queues for servers"},
    {"prio_offset", 0, 0, kInt, kAnywhere, prio_offset, nullptr, "by how many ms the request goes later in its class"},
    {"queue", 1, 1, kInt, kAnywhere, queue, nullptr, "requests that wait for a server of a backend", "b"},
    {"so_id", 0, 0, kInt, kClientConn, so_id, nullptr, "the id of the listening socket"},
    {"so_name", 0, 0, kText, kClientConn, so_name, nullptr, "the name of the listening socket"},
    {"srv_conn", 1, 1, kInt, kAnywhere, srv_conn, nullptr, "requests that a server serves now", "S"},
    {"srv_conn_free", 1, 1, kInt, kAnywhere, srv_conn_free, nullptr, "free places on a server, -1 without a limit", "S"},
    {"srv_id", 0, 0, kInt, kServerConn, srv_id, nullptr, "the id of the chosen server"},
    {"srv_is_up", 1, 1, Type::boolean, kAnywhere, srv_is_up, nullptr, "whether a server is up", "S"},
    {"srv_iweight", 1, 1, kInt, kAnywhere, srv_iweight, nullptr, "the configured weight of a server", "S"},
    {"srv_name", 0, 0, kText, kServerConn, srv_name, nullptr, "the name of the chosen server"},
    {"srv_queue", 1, 1, kInt, kAnywhere, srv_queue, nullptr, "requests that wait for a server", "S"},
    {"srv_sess_rate", 1, 1, kInt, kAnywhere, srv_sess_rate, nullptr, "new sessions of a server per second", "S"},
    {"srv_uweight", 1, 1, kInt, kAnywhere, srv_weight, nullptr, "the weight of a server as set by the user", "S"},
    {"srv_weight", 1, 1, kInt, kAnywhere, srv_weight, nullptr, "the current weight of a server", "S"},
};
// clang-format on

}  // namespace

FetchTable proxy_fetches() {
  return kTable;
}

}  // namespace weir::expr
