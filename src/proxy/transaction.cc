// The life of one exchange; see proxy/transaction.h. Request program, response program, bodies, end. Servers and retries are
// in proxy/attempts.cc.
#include "proxy/transaction.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/slab.h"
#include "http/h1_client.h"
#include "http/h1_writer.h"
#include "proxy/file_body.h"
#include "proxy/forward.h"
#include "proxy/half_close.h"
#include "proxy/personality.h"
#include "proxy/response_buffer.h"
#include "proxy/shard.h"
#include "proxy/upstreams.h"
#include "stats/counters.h"
#include "stats/proxy_counters.h"

namespace weir::proxy {

using http::Body;
using http::Method;
using http::Name;

namespace {

// What was looked at and not read would turn the end of the connection into a reset (RFC 2525 2.17).
void swallow_input(http::Stream* client) {
  net::Conn* conn = client ? client->conn() : nullptr;
  char sink[4096];
  size_t got = 0;
  for (int reads = 0; conn && reads < 4 && conn->read(sink, sizeof sink, got) == net::Conn::Io::ok; reads++) {
  }
}

constexpr uint32_t kContent = 16 * 1024;  // bytes that content rules may look at

bool response_has_body(const http::Message& response, Method method) {
  if (method == Method::head || response.status == 204 || response.status == 304) return false;
  return response.body != Body::none && !(response.body == Body::length && response.content_length == 0);
}

// Bytes handed to the client's connection so far, the gathered ones included.
uint64_t written(http::Stream& client) {
  net::Conn* c = client.conn();
  if (!c) return 0;
  return c->bytes_out + (c->loop().scratch_owner() == c ? c->loop().scratch_used : 0);
}

// The client's connection is broken and will report it: nothing that was handed to it has arrived for certain.
bool lost(http::Stream& client) {
  net::Conn* c = client.conn();
  return c && c->broken();
}

void cancel_all(Waiter*& waiters) {
  while (Waiter* w = waiters) {
    waiters = w->next;
    if (w->cancel) w->cancel(w);
  }
}

}  // namespace

Transaction::Transaction(Shard& s, const model::Listener& l, http::Stream* c)
    : shard(s), listener(l), personality(l.personality), request(arena), response(arena), client(c) {
  id = s.next_id();
  cursors[kResponse].which = kResponse;
  tcp = l.tcp;
  times.head_ms = s.loop.now();
  times.start_us = s.loop.wall_us();
  s.live.push_back(this);
}

Transaction::~Transaction() {
  LiveLink::unlink();
}

// ---------------------------------------------------------------- request program

void Transaction::begin() {
  upload_ended_ = request.body == Body::none || (request.body == Body::length && request.content_length == 0);
  personality->begin(*this);
  if (!starved()) run_request();
}

void Transaction::screen(const Segment& rules) {
  screening_ = true;
  personality->screen(*this);
  Next outcome = Next::next;
  Cursor& c = cursors[kRequest];
  c.start(&rules);
  run(*this, c, outcome);
  if (finished_) return;
  client->user = nullptr;
  client = nullptr;
  finish();
}

// Ends a transaction whose arena had to take from the reserve. True when it did.
bool Transaction::starved() {
  if (!arena.starved() || finished_) [[likely]]
    return false;
  Error e{Fault::resource, Side::proxy};
  e.sys = ENOMEM;
  e.text = "out of memory";
  fail(e);
  arena.take_starved();  // what the answer took is no reason for another
  return true;
}

void Transaction::begin_at(const Segment* segment) {
  upload_ended_ = true;
  cursors[kRequest].start(segment);
  restart_ = true;
  shard.loop.soon(this);
}

void Transaction::reject(const Error& why) {
  close_client = true;
  upload_ended_ = true;
  rejected = true;
  personality->begin(*this);
  cursors[kRequest].stop();
  fail(why);
}

void Transaction::run_request() {
  Next outcome = Next::next;
  Cursor& c = cursors[kRequest];
  if (!c.running() || run(*this, c, outcome) || finished_) return;
  if (outcome == Next::error) {
    fail(error);
  } else if (outcome == Next::next) {
    Error e{Fault::no_server, Side::proxy};
    e.text = "no rule handled the request";
    fail(e);
  }
}

void Transaction::wake(Cursor& cursor) {
  cursor.resumed = true;
  shard.loop.soon(this);
}

void Transaction::restart(const Segment* segment) {
  discard_response();
  up.close();
  up = Pipe();
  stop_being_guest();
  plan = nullptr;
  cursors[kRequest].start(segment);
  restart_ = true;
  shard.loop.soon(this);
}

void Transaction::run_task() {
  if (finished_ || starved()) return;
  if (restart_) {
    restart_ = false;
    return run_request();
  }
  if (cursors[kRequest].waiting && cursors[kRequest].resumed) run_request();
  if (!finished_ && cursors[kResponse].waiting && cursors[kResponse].resumed) run_response();
}

void Transaction::disown(Waiter* w) {
  for (Waiter** at = &waiters_; *at; at = &(*at)->next)
    if (*at == w) {
      *at = w->next;
      return;
    }
}

bool Transaction::collect_body(Cursor& cursor, uint32_t memory, bool to_file, Str dir) {
  if (!collector_) {
    collector_ = arena.own<BodyCollector>();
    collector_->arena = &arena;
    collector_->limit = memory;
    collector_->to_file = to_file;
    collector_->dir = dir;
    collector_->complete = upload_ended_;
    if (request.body == Body::length && request.content_length <= memory)
      collector_->failed = !collector_->reserve(static_cast<uint32_t>(request.content_length) + 1);
    if (!collector_->complete && !collector_->failed && client) client->credit(to_file ? kWindow : memory);
  }
  if (collector_->complete || collector_->failed) return true;
  collector_->waiter = &cursor;
  return false;
}

void Transaction::watch_content(Cursor* cursor) {
  if (cursor && !collect_body(*cursor, kContent, false, {}))
    collector_->each = true;
  else if (collector_)
    collector_->waiter = nullptr;
}

// ---------------------------------------------------------------- local replies

void Transaction::begin_reply(uint16_t status, Str reason) {
  discard_response();
  response.headers.clear();
  response.trailers.clear();
  response.version = 11;
  response.status = status;
  response.reason = reason.empty() ? http::reason_phrase(status) : reason;
  response.body = Body::none;
  response.content_length = 0;
  response.upgrade = false;
  response.raw_head = {};
}

void Transaction::discard_response() {
  leave_queue();
  release_upstream(false);
  down.close();
  down = Pipe();
  if (file_) file_->stop();
  file_ = nullptr;
  local_body_ = {};
  cursors[kResponse].stop();
  local_reply = false;
}

Next Transaction::reply(const Reply& r) {
  begin_reply(r.status, r.reason);
  local_reply = true;
  if (r.close) close_client = true;
  if (!r.content_type.empty()) response.headers.add("Content-Type", r.content_type, Name::content_type);
  if (!r.location.empty()) response.headers.add("Location", r.location, Name::location);
  bool bodyless = r.status == 204 || r.status == 304;
  if (!bodyless) {
    response.body = Body::length;
    response.content_length = r.body.size();
    local_body_ = r.body;
  }
  respond();
  return Next::done;
}

Next Transaction::reply_head(Str body) {
  release_upstream(false);
  local_reply = true;
  local_body_ = body;
  if (response.body == Body::none && !body.empty()) response.body = Body::length;
  if (response.body == Body::length) response.content_length = body.size();
  respond();
  return Next::done;
}

Next Transaction::reply_file(const Reply& r, int fd, int64_t offset, uint64_t size) {
  discard_response();
  local_reply = true;
  file_ = arena.own<FileBody>(*this, fd, offset, size, false, true);
  response.status = r.status;
  response.reason = r.reason.empty() ? http::reason_phrase(r.status) : r.reason;
  response.body = Body::length;
  response.content_length = size;
  if (!r.content_type.empty()) response.headers.set(Name::content_type, "Content-Type", r.content_type);
  respond();
  return Next::done;
}

Next Transaction::fail(const Error& why) {
  error = why;
  cursors[kRequest].stop();
  if (response_started) {
    finish();
    return Next::done;
  }
  release_upstream(false);
  up.close();
  if (why.side == Side::client && (why.fault == Fault::bad_message || why.fault == Fault::timeout)) close_client = true;
  take_back_request();
  personality->error_reply(*this, why);
  return Next::done;
}

Next Transaction::drop(bool silently) {
  silent_ = silently;
  if (tcp && !silently) swallow_input(client);
  close_client = true;
  response_ended_ = false;
  finish();
  return Next::done;
}

// ---------------------------------------------------------------- response program

void Transaction::run_response() {
  Next outcome = Next::next;
  Cursor& c = cursors[kResponse];
  if (c.running()) {
    if (run(*this, c, outcome) || finished_) return;
    if (outcome == Next::error) {
      fail(error);
      return;
    }
    if (response_started || outcome == Next::done) return;  // a rule answered in its own way
  }
  send_response();
}

void Transaction::send_response() {
  response_started = true;
  if (!client) return finish();
  // Upgrades: the answer decides, and only one that was asked for.
  tunnel_ = response.body == Body::tunnel;
  // That a body ends with the server's connection is no reason to end the client's: only a filter says so.
  if (response.body == Body::close) response.body = Body::chunked;
  if (!tunnel_) {
    personality->filters(*this);
    if (plan && plan->client.response_buffering && upstream && !local_reply)
      down.add_first(make_response_buffer(*this, *plan));
    if (down.filtered()) down.head(*this, response);
  }
  personality->finish_head(*this, response);
  bool body = tunnel_ || response_has_body(response, request.method);
  if (close_client) client->last_exchange();
  uint64_t before = written(*client);
  client->send_head(response, !body);
  head_sent_bytes = written(*client) - before;
  if (milestones & kHeadSent) personality->reached(*this, kHeadSent);
  if (!body) {
    if (file_) file_->stop();
    if (upstream) release_upstream(true);
    return complete_response();
  }
  down.trailers = &response.trailers;
  if (local_reply) return send_local_body();
  if (tunnel_) {
    up.close();
    up = Pipe();
    up.open(client, upstream, kWindow);
    upload_ended_ = false;
  }
  down.open(upstream, client, kWindow);
}

void Transaction::send_local_body() {
  if (!file_) {
    down.open(nullptr, client, 0);
    down.data(local_body_, true);
    if (down.finished()) complete_response();
    return;
  }
  if (!down.filtered() && client->send_file({file_->fd(), file_->offset(), file_->left()})) {
    down.open(nullptr, client, 0);
    down.sent = file_->left();
    return complete_response();
  }
  down.open(file_, client, FileBody::kBuffer);
}

void Transaction::complete_response() {
  response_ended_ = true;
  maybe_finish();
}

void Transaction::maybe_finish() {
  if (finished_ || !response_ended_) return;
  if (tunnel_ && !upload_ended_) return;
  if (client && (client->queued() || lost(*client))) return;
  finish();
}

// ---------------------------------------------------------------- events

void Transaction::on_interim(http::Stream&) {
  if (client && !response_started && personality->passes_interim(*this)) client->send_interim(response);
}

void Transaction::on_head(http::Stream&) {
  if (starved()) return;
  times.response_ms = shard.loop.now();
  Attempt& a = attempts[attempts.size - 1];
  a.head_ms = times.response_ms - a.start_ms;
  a.status = response.status;
  if (model::Balancer& b = *a.server->pool->balancer; b.wishes.heads)
    b.answered(*a.server, a.head_ms, times.response_ms);
  pool->personality->attempt_answered(*this);
  if (client_lost_) return finish();
  if (pool->personality->wants_retry(*this, Error{}) && !(body_started_ && !body_kept())) {
    release_upstream(false);
    response.headers.clear();
    up.close();
    up = Pipe();
    left_ = server;
    if (plan->stay && pool->personality->pick_another(*this)) server = nullptr;
    return start_attempt();
  }
  respond();
}

void Transaction::on_data(http::Stream& s, Str data, bool end) {
  if (finished_ || starved()) return;
  if (&s == client) {
    body_received += data.size();
    if (end) upload_ended_ = true;
    if (plan && plan->client.max_body && body_received > plan->client.max_body && !response_started) {
      Error e{Fault::too_large, Side::client};
      e.status = 413;
      e.text = "client intended to send too large chunked body";
      fail(e);
      return;
    }
    if (collector_ && !collector_->complete && !up.is_open()) {
      BodyCollector& k = *collector_;
      if (k.failed) return;
      if (!k.add(data)) {
        k.failed = true;
        k.error = errno;
      }
      if (end || (!k.to_file && k.size >= k.limit)) k.complete = true;
      k.cut = k.complete && !end;
      if (k.to_file && !k.complete && !k.failed) client->credit(static_cast<int64_t>(data.size()));
      if ((k.complete || k.failed || k.each) && k.waiter) wake(*k.waiter);
      return;
    }
    body_started_ = true;
    if (collector_ && collector_->copies) add_to_copy(data, end);
    up.data(data, end);
    if (end && tunnel_) maybe_finish();
    return;
  }
  if (&s == upload_file_) return up.data(data, end);
  if (&s == upstream && attempt_open_) attempts[attempts.size - 1].body_in += data.size();
  if (end && &s == upstream && !tunnel_) {
    if (plan && !plan->client.pass_trailers) response.trailers.clear();
    release_upstream(true);
  }
  down.data(data, end);
  if (down.finished()) complete_response();
}

void Transaction::on_drained(http::Stream& s) {
  if (finished_) return;
  if (&s == client) {
    down.drained();
    if (down.finished() && !response_ended_) return complete_response();
    return maybe_finish();
  }
  up.drained();
}

void Transaction::on_half_closed(http::Stream&) {
  bool early = plan && plan->client.abort_until_sent;
  bool serving = plan && !plan->client.ignore_client_abort && (early ? !request_sent_ : upstream != nullptr);
  bool waiting = watch_client && !plan && cursors[kRequest].waiting && upload_ended_;
  if ((serving || waiting) && !response_started) {
    Error e{Fault::closed, Side::client};
    e.text = "client prematurely closed connection";
    return client_gone(e);
  }
  // The server learns of it, and decides.
  if (told_server(*this)) {
    net::Conn* server_side = upstream->conn();
    static_cast<http::H1Client*>(server_side)->set_no_reuse();
    server_side->shutdown_write();
  }
}

void Transaction::on_reset(http::Stream& s, const Error& why) {
  if (finished_) return;
  if (&s == client) return client_gone(why);
  if (&s == upstream) return why.side == Side::client ? client_gone(why) : upstream_failed(why);
  close_client = true;
  error = why;
  finish();
}

void Transaction::client_gone(const Error& why) {
  // nginx's proxy_ignore_client_abort: the server may go on with what it has got whole, until it answers.
  if (plan && plan->client.ignore_client_abort && upstream && upload_ended_ && !response_started && !client_lost_) {
    client_lost_ = true;
    error = why;
    return;
  }
  if (why.status && !response_started) {
    upload_ended_ = true;
    fail(why);
    return;
  }
  error = why;
  response_ended_ = false;  // what it did not take is lost
  finish();
}

void Transaction::kill(Fault why) {
  if (finished_) return;
  error = Error{why, Side::proxy};
  error.status = 502;
  error.text = why == Fault::cancelled     ? Str("ended by an operator")
               : why == Fault::marked_down ? Str("ended with its server")
                                           : Str("ended on a backup server");
  close_client = true;
  const bool asked = plan || cursors[kRequest].running();
  if (asked && client && !response_started && !tcp && !screening_) {
    leave_queue();
    cancel_all(waiters_);
    fail(error);
    return;
  }
  response_ended_ = false;
  finish();
}

void Transaction::abandon() {
  if (finished_) return;
  abandoned_ = true;
  response_ended_ = false;
  if (client) client->user = nullptr;
  client = nullptr;
  finish();
}

void Transaction::finish() {
  if (finished_) return;
  bool complete = response_ended_ && (!tunnel_ || upload_ended_);
  if (queued && queued->QueueLink::linked()) times.queue_ms = shard.loop.now();
  leave_queue();
  release_upstream(false);
  finished_ = true;
  if (!parent && !screening_) stats::bump(stats::counters().writing, int64_t{-1});
  times.end_ms = shard.loop.now();
  leave_pool();
  count_times();
  cancel_all(waiters_);
  cursors[kRequest].stop();
  cursors[kResponse].stop();
  up.close();
  down.close();
  if (file_) file_->stop();
  if (upload_file_) upload_file_->stop();
  TaskLink::unlink();
  take_back_request();
  if (!screening_ && !abandoned_) {
    if (error && !complete) personality->broke_off(*this, error);
    personality->log(*this);
  }
  stop_being_guest();
  if (http::Stream* c = client) {
    client = nullptr;
    if (complete)
      c->finish();
    else if (silent_)
      c->vanish();
    else
      c->abort();
  }
  shard.loop.retire(this);
}

void Transaction::count_into(stats::ProxyCounters& c) const {
  constexpr auto kRelaxed = std::memory_order_relaxed;
  unsigned family = response.status / 100;
  if (!tcp) c.status[family < 6 ? family : 0].fetch_add(1, kRelaxed);
  c.bytes_in.fetch_add(body_received + request.header_bytes, kRelaxed);
  c.bytes_out.fetch_add(head_sent_bytes + down.sent, kRelaxed);
}

void Transaction::destroy() {
  Slab<Transaction>::local().destroy(this);
}

}  // namespace weir::proxy
