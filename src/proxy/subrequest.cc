// Child transactions and their capturing client stream; see proxy/subrequest.h.
#include "proxy/subrequest.h"

#include <algorithm>

#include "base/slab.h"
#include "proxy/shard.h"
#include "proxy/transaction.h"

namespace weir::proxy {
namespace {

void cancel(Waiter* w) {
  auto* sub = static_cast<Subrequest*>(w);
  Transaction* child = sub->child;
  sub->parent = nullptr;
  if (child) child->finish();
}

void copy_request(Transaction& child, const Transaction& parent, const SubrequestOptions& o) {
  auto keep = [&](Str s) { return o.background && !s.empty() ? child.arena.dup(s) : s; };
  const http::Message& from = parent.request;
  http::Message& to = child.request;
  to.method = o.method;
  to.method_text = keep(o.method_text);
  to.version = from.version;
  to.target = keep(from.target);
  to.authority = keep(from.authority);
  to.scheme = keep(from.scheme);
  to.path = keep(from.path);
  to.raw_head = keep(from.raw_head);
  to.header_bytes = from.header_bytes;
  to.headers.reserve(from.headers.size());
  for (const http::Header& h : from.headers) {
    http::Header& added = to.headers.add(keep(h.name), keep(h.value), h.id);
    added.hop = h.hop;
    added.removed = h.removed;
  }
}

}  // namespace

Subrequest* start_subrequest(Transaction& parent, Cursor* cursor, const SubrequestOptions& options) {
  auto* child = Slab<Transaction>::local().make(parent.shard, parent.listener, nullptr);
  if (!child) return nullptr;
  auto* sub = (options.background ? child->arena : parent.arena).own<Subrequest>();
  sub->options = options;
  sub->child = child;
  if (options.capture) sub->body = (options.background ? child->arena : parent.arena).own<std::string>();
  copy_request(*child, parent, options);
  if (!options.background) child->parent = &parent;
  child->times.accept_ms = parent.times.accept_ms;
  child->times.idle_ms = parent.times.idle_ms;
  const Segment* segment = options.enter(*child, parent, options);
  if (!segment) {
    sub->child = nullptr;
    Slab<Transaction>::local().destroy(child);
    return nullptr;
  }
  child->client = sub;
  sub->user = child;
  if (options.with_body && parent.collected()) child->share_body(*parent.collected());
  if (!options.background) {
    sub->parent = &parent;
    sub->cursor = cursor;
    sub->cancel = cancel;
    parent.own(sub);
  }
  child->begin_at(segment);
  return sub;
}

void Subrequest::send_head(http::Message& m, bool end) {
  status = m.status;
  complete = end;
}

void Subrequest::send_data(Str data, bool end, http::HeaderList*) {
  if (body && !truncated) {
    size_t room = options.capture - body->size();
    truncated = data.size() > room;
    body->append(data.substr(0, std::min(room, data.size())));
  }
  complete |= end;
}

void Subrequest::finish() {
  Transaction* was = child;
  child = nullptr;
  if (!parent) return;
  parent->disown(this);
  if (options.done) options.done(*this, *was);
  if (cursor) parent->wake(*cursor);
}

void Subrequest::abort() {
  complete = false;
  finish();
}

net::Conn* Subrequest::conn() {
  return parent && parent->client ? parent->client->conn() : nullptr;
}

}  // namespace weir::proxy
