// See nginx/subrequest.h.
#include "nginx/subrequest.h"

#include "nginx/client_addr.h"
#include "nginx/connection_number.h"
#include "nginx/error_log.h"
#include "nginx/request.h"
#include "proxy/transaction.h"

namespace weir::nginx {
namespace {

using proxy::Subrequest;
using proxy::SubrequestOptions;
using proxy::Transaction;

constexpr uint8_t kMaxDepth = 50;

// What the caller wanted to hear of, behind the hand-back of variables.
struct Hook {
  void (*done)(Subrequest& sub, Transaction& child);
  void* data;
};

expr::Value copied(const expr::Value& v, Arena& arena) {
  expr::Value out = v;
  if (v.is_text() && !v.str.empty()) out.str = arena.dup(v.str);
  return out;
}

bool same(const expr::Value& a, const expr::Value& b) {
  if (a.type != b.type || a.flags != b.flags) return false;
  return !a.is_text() || (a.str.data() == b.str.data() && a.str.size() == b.str.size());
}

const proxy::Segment* enter(Transaction& child, Transaction& parent, const SubrequestOptions& o) {
  const Request& from = of(parent);
  auto keep = [&](Str s) { return o.background && !s.empty() ? child.arena.dup(s) : s; };
  auto* r = child.arena.make<Request>();
  child.extra = r;
  r->address = from.address;
  r->server = from.server;
  r->http = from.http;
  r->location = &from.server->level;
  r->uri = keep(o.uri);
  r->args = keep(o.args);
  r->unparsed_uri = keep(from.unparsed_uri);
  r->host = keep(from.host);
  r->method_name = keep(o.method_text);
  r->internal = true;
  r->plain_uri = false;
  r->subrequest = true;
  r->background = o.background;
  if (o.background) r->connection = connection_number(parent);
  r->depth = static_cast<uint8_t>(from.depth + 1);
  r->limit_req_status = from.limit_req_status;
  r->limit_conn_status = from.limit_conn_status;
  if (const net::Addr* a = client_addr(parent))
    r->real_addr = o.background ? child.arena.make<net::Addr>(*a) : from.real_addr;
  child.slot_count = parent.slot_count;
  child.slots = child.arena.array<expr::Value>(parent.slot_count);
  for (uint32_t i = 0; i < parent.slot_count; i++)
    child.slots[i] = o.background ? copied(parent.slots[i], child.arena) : parent.slots[i];
  child.where = &from.server->level.request_segment;
  return &from.server->entry;
}

// The child's values live in its arena, so the parent gets copies of what has changed.
void hand_back(Subrequest& sub, Transaction& child) {
  Transaction& parent = *sub.parent;
  for (uint32_t i = 0; i < parent.slot_count; i++)
    if (!same(parent.slots[i], child.slots[i])) parent.slots[i] = copied(child.slots[i], parent.arena);
  auto* hook = static_cast<Hook*>(sub.options.data);
  sub.options.data = hook->data;
  if (hook->done) hook->done(sub, child);
}

}  // namespace

Subrequest* subrequest(Transaction& parent, proxy::Cursor* cursor, SubrequestOptions options) {
  if (of(parent).depth >= kMaxDepth) {
    log_error(&parent, LogLevel::error, 0,
              parent.arena.cat("subrequests cycle while processing \"", options.uri, "\""));
    return nullptr;
  }
  options.enter = enter;
  if (!options.background) {
    options.data = parent.arena.make<Hook>(Hook{options.done, options.data});
    options.done = hand_back;
  }
  return proxy::start_subrequest(parent, cursor, options);
}

}  // namespace weir::nginx
