// The life of one exchange; see proxy/transaction.h. Request program, forwarding and retries, response program, bodies, end.
#include "proxy/transaction.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/slab.h"
#include "http/h1_writer.h"
#include "proxy/file_body.h"
#include "proxy/forward.h"
#include "proxy/personality.h"
#include "proxy/response_buffer.h"
#include "proxy/shard.h"
#include "proxy/upstreams.h"
#include "stats/counters.h"

namespace weir::proxy {

using http::Body;
using http::Method;
using http::Name;

namespace {

constexpr uint32_t kContent = 16 * 1024;  // bytes that content rules may look at
constexpr int64_t kWindow = 128 * 1024;  // bytes that a source may be ahead of its sink

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
  run_request();
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
  if (finished_) return;
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
    if (request.body == Body::length && request.content_length <= memory) {
      collector_->capacity = static_cast<uint32_t>(request.content_length);
      collector_->memory = arena.alloc_chars(collector_->capacity + 1);
    }
    if (!collector_->complete && client) client->credit(to_file ? INT32_MAX : memory);
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

void Transaction::prepare_response(uint16_t status, Str reason) {
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
  discard_response();
  local_reply = true;
  prepare_response(r.status, r.reason);
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

Next Transaction::drop(bool reset) {
  if (reset && client)
    if (net::Conn* c = client->conn()) c->reset();
  close_client = true;
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
  if (!tunnel_) {
    personality->filters(*this);
    if (plan && plan->response_buffering && upstream && !local_reply) down.add(make_response_buffer(*this, *plan));
    if (down.filtered()) down.head(*this, response);
  }
  personality->finish_head(*this, response);
  bool body = tunnel_ || response_has_body(response, request.method);
  if (close_client) client->last_exchange();
  uint64_t before = written(*client);
  client->send_head(response, !body);
  head_sent_bytes = written(*client) - before;
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
  if (client && client->queued()) return;
  finish();
}

// ---------------------------------------------------------------- forwarding

Next Transaction::forward(const Forward* p) {
  plan = p;
  leave_pool();
  pool = p->pool ? p->pool : p->choose(*this, *p);
  if (!pool) {
    Error e{Fault::no_server, Side::proxy};
    e.text = "no backend for the request";
    return fail(e);
  }
  if (pool->entry && p->conf != pool->conf) return be_guest(*p);
  if (host_plan_) plan = guest_plan(*p);
  enter_pool(*pool);
  tried.clear();
  tries_done = 0;
  server = nullptr;
  start_attempt();
  return Next::done;
}

// The pool's own rules see the request as the listener's side would have sent it.
Next Transaction::be_guest(const Forward& p) {
  host_plan_ = &p;
  if (p.build) {
    auto* built = arena.own<http::Message>(arena);
    build_head(*built, p);
    built->path = built->target;
    built->authority = built->headers.value(http::Name::host);
    built->expect_continue = request.expect_continue;
    std::swap(*built, request);
    asked_ = built;
  }
  Cursor& c = cursors[kRequest];
  c.target_segment = pool->entry;
  return Next::goto_;
}

// Servers, retries and times as the pool has them; what concerns the client and the bodies as the listener's side wants it.
const Forward* Transaction::guest_plan(const Forward& own) {
  auto* merged = arena.make<Forward>(own);
  const Forward& host = *host_plan_;
  merged->request_buffering = host.request_buffering;
  merged->response_buffering = host.response_buffering;
  merged->max_body = host.max_body;
  merged->body_memory = host.body_memory;
  merged->response_memory = host.response_memory;
  merged->max_temp_file = host.max_temp_file;
  merged->limit_rate = host.limit_rate;
  merged->ignore_client_abort = host.ignore_client_abort;
  merged->pass_trailers = host.pass_trailers;
  merged->temp_dir = host.temp_dir;
  merged->conf = host.conf;
  return merged;
}

// The listener's rules go on with the request that the client made.
void Transaction::take_back_request() {
  if (!asked_) return;
  std::swap(*asked_, request);
  asked_ = nullptr;
}

// Starts the rules for a response that is complete in `response`: the pool's run before the listener's.
void Transaction::respond() {
  take_back_request();
  personality->response(*this);
  if (host_plan_) pool->personality->guest_response(*this);
  run_response();
}

void Transaction::stop_being_guest() {
  if (!host_plan_) return;
  take_back_request();
  pool->personality->guest_ended(*this);
  host_plan_ = nullptr;
  pool_extra = nullptr;
}

void Transaction::enter_pool(const model::Pool& to) {
  model::PoolState& s = *to.state;
  stats::raise(s.max_current, s.current.fetch_add(1, std::memory_order_relaxed) + 1);
  s.total.fetch_add(1, std::memory_order_relaxed);
  s.used_ms.store(shard.loop.now(), std::memory_order_relaxed);
  s.rate.add(shard.loop.now());
  in_pool_ = &to;
}

void Transaction::leave_pool() {
  if (in_pool_) in_pool_->state->current.fetch_sub(1, std::memory_order_relaxed);
  in_pool_ = nullptr;
}

// Where the time went, for the pool and the server that had the last try.
void Transaction::count_times() const {
  if (!server || !attempts.size) return;
  const Attempt& last = attempts[attempts.size - 1];
  if (last.connect_ms == UINT64_MAX) return;
  uint64_t response = times.response_ms > times.connect_ms ? times.response_ms - times.connect_ms : 0;
  uint64_t queue = times.queue_ms > times.head_ms ? times.queue_ms - times.head_ms : 0;
  for (stats::Times* t : {&pool->state->times, &server->state->times}) {
    t->queue.add(queue);
    t->connect.add(last.connect_ms);
    t->response.add(response);
    t->total.add(times.end_ms - times.head_ms);
  }
}

void Transaction::start_attempt() {
  if (!server || !plan->stay) server = pool->balancer->pick(*pool, *this, tried);
  if (!server) return enter_queue();
  if (times.queue_ms == 0) times.queue_ms = shard.loop.now();
  tried.add(server->slot);
  tries_done++;
  Attempt& a = attempts.push(arena, Attempt{});
  a.server = server;
  a.start_ms = shard.loop.now();
  a.connect_ms = a.head_ms = a.total_ms = UINT64_MAX;
  attempt_open_ = true;
  request_sent_ = false;
  model::ServerState& s = *server->state;
  int32_t now = s.current.fetch_add(1, std::memory_order_relaxed) + 1;
  stats::raise(s.max_current, now);
  s.total.fetch_add(1, std::memory_order_relaxed);
  s.used_ms.store(a.start_ms, std::memory_order_relaxed);
  s.rate.add(a.start_ms);
  get_connection(true);
}

// All servers are tried, down or full.
void Transaction::enter_queue() {
  if (plan->queues && model::is_full(*pool, shard.loop.now()))
    return shard.queue.wait(*this, *pool, plan->queue_timeout);
  Error e{Fault::no_server, Side::proxy};
  e.text = "no live upstreams";
  fail(e);
}

void Transaction::queue_place() {
  times.queue_ms = shard.loop.now();
  start_attempt();
}

void Transaction::queue_expired() {
  leave_queue();
  Error e{Fault::queue_timeout, Side::proxy};
  e.text = "no place on a server within the queue's time";
  fail(e);
}

void Transaction::connection_found() {
  get_connection(false);
}

void Transaction::get_connection(bool may_ask) {
  bool ready = false;
  Error why;
  upstream = shard.upstreams.get(*this, *plan, may_ask, ready, why);
  if (!upstream && why.fault == Fault::none) return;  // another shard was asked
  if (!upstream) return upstream_failed(why);
  net::Conn* c = upstream->conn();
  attempt_in_ = c->bytes_in;
  attempt_out_ = c->bytes_out;
  if (ready) upstream_ready();
}

void Transaction::on_connected(http::Stream&) {
  upstream_ready();
}

void Transaction::upstream_ready() {
  uint64_t now = shard.loop.now();
  times.connect_ms = now;
  attempts[attempts.size - 1].connect_ms = now - attempts[attempts.size - 1].start_ms;
  if (tcp) {
    response.body = Body::tunnel;
    tunnel_ = true;
    response_started = true;
    request_sent_ = true;
    up.open(client, upstream, kWindow);
    down.open(upstream, client, kWindow);
    if (collector_ && (collector_->size || upload_ended_)) up.data(collector_->text(), upload_ended_);
    return;
  }
  bool end = collector_ ? collector_->size == 0 : upload_ended_ && request.body != Body::length;
  if (!collector_ && request.body == Body::length && request.content_length == 0) end = true;
  request_sent_ = true;
  if (plan->build) {
    http::Message out(arena);
    build_head(out, *plan);
    if (collector_) end = collector_->size == 0;
    upstream->send_head(out, end || out.body == Body::none);
    if (out.body == Body::none) end = true;
    if (end) return;
  } else {
    if (collector_ && !collector_->cut && request.body == Body::chunked) {
      request.body = Body::length;
      request.content_length = collector_->size;
    }
    request.keep_alive = true;  // the client's wish to close concerns its own connection (RFC 9110 7.6.1)
    upstream->send_head(request, end);
  }
  if (!upstream || finished_) return;
  if (body_kept()) return send_collected();
  if (!end) open_up();
}

void Transaction::build_head(http::Message& out, const Forward& p) {
  out.method = request.method;
  out.method_text = request.method_text;
  out.target = request.target;
  out.body = request.body;
  out.content_length = request.content_length;
  out.upgrade = request.upgrade;
  p.build(*this, out, p);
  if (collector_ && !collector_->cut && out.body != Body::none) {
    out.body = Body::length;
    out.content_length = collector_->size;
  }
}

void Transaction::replace_body(Str body) {
  collector_ = arena.own<BodyCollector>();
  collector_->arena = &arena;
  collector_->memory = const_cast<char*>(body.data());
  collector_->size = body.size();
  collector_->complete = true;
}

void Transaction::share_body(const BodyCollector& body) {
  if (body.fd < 0) {
    replace_body(arena.dup(body.text()));
  } else {
    replace_body({});
    collector_->fd = fcntl(body.fd, F_DUPFD_CLOEXEC, 0);
    collector_->size = collector_->fd < 0 ? 0 : body.size;
  }
  request.body = Body::length;
  request.content_length = collector_->size;
}

void Transaction::send_collected() {
  if (collector_->size == 0) return;
  up.close();
  up = Pipe();
  if (collector_->fd < 0) {
    up.open(nullptr, upstream, 0);
    up.data(collector_->text(), true);
    return;
  }
  upload_file_ = arena.own<FileBody>(*this, collector_->fd, 0, collector_->size, true, false);
  up.open(upload_file_, upstream, FileBody::kBuffer);
}

void Transaction::open_up() {
  up.trailers = &request.trailers;
  up.open(client, upstream, kWindow);
  if (collector_ && collector_->size) {
    body_started_ = true;
    up.data(collector_->text(), false);
  }
}

void Transaction::release_upstream(bool good) {
  if (upload_file_) upload_file_->stop();
  upload_file_ = nullptr;
  end_attempt();
  if (!upstream) return;
  http::Stream* u = upstream;
  upstream = nullptr;
  down.detach_source();
  up.detach_sink();
  if (good)
    u->finish();
  else
    u->abort();
}

void Transaction::end_attempt() {
  if (!attempt_open_) return;
  if (!upstream) shard.upstreams.forget(*this);
  attempt_open_ = false;
  Attempt& a = attempts[attempts.size - 1];
  a.total_ms = shard.loop.now() - a.start_ms;
  model::ServerState& s = *a.server->state;
  s.current.fetch_sub(1, std::memory_order_relaxed);
  if (a.server->pool->state->queued.load(std::memory_order_relaxed) > 0) shard.queue.place_free(*a.server->pool);
  if (!upstream) return;
  net::Conn* c = upstream->conn();
  a.bytes_in = c->bytes_in - attempt_in_;
  a.bytes_out = c->bytes_out - attempt_out_;
  s.bytes_in.fetch_add(a.bytes_out, std::memory_order_relaxed);
  s.bytes_out.fetch_add(a.bytes_in, std::memory_order_relaxed);
}

void Transaction::upstream_failed(const Error& why) {
  error = why;
  if (attempts.size) {
    // A failed try without an answer shows as the status that it would have led to (nginx's $upstream_status).
    Attempt& a = attempts[attempts.size - 1];
    if (a.status == 0) a.status = why.fault == Fault::timeout || why.fault == Fault::connect_timeout ? 504 : 502;
  }
  release_upstream(false);
  if (finished_) return;
  if (response_started) {
    close_client = true;
    return finish();
  }
  personality->log_attempt(*this, why);
  pool->personality->attempt_failed(*this, why);
  if (!try_next(why)) fail(why);
}

bool Transaction::try_next(const Error& why) {
  bool lost = body_started_ && !body_kept();
  if (lost || !client || !plan) return false;
  bool free_try = why.retry == Retry::reused && http::is_idempotent(request.method);
  if (free_try)
    tries_done--;  // nobody's fault: an idle connection that the server had closed
  else if (!pool->personality->wants_retry(*this, why))
    return false;
  response.headers.clear();
  up.close();
  up = Pipe();
  if (free_try) tried.clear();
  if (plan->stay && pool->personality->pick_another(*this)) server = nullptr;
  start_attempt();
  return true;
}

// ---------------------------------------------------------------- events

void Transaction::on_interim(http::Stream&) {
  if (client && !response_started && personality->passes_interim(*this)) client->send_interim(response);
}

void Transaction::on_head(http::Stream&) {
  times.response_ms = shard.loop.now();
  Attempt& a = attempts[attempts.size - 1];
  a.head_ms = times.response_ms - a.start_ms;
  a.status = response.status;
  pool->personality->attempt_answered(*this);
  if (pool->personality->wants_retry(*this, Error{}) && !(body_started_ && !body_kept())) {
    release_upstream(false);
    response.headers.clear();
    up.close();
    up = Pipe();
    if (plan->stay && pool->personality->pick_another(*this)) server = nullptr;
    return start_attempt();
  }
  respond();
}

void Transaction::on_data(http::Stream& s, Str data, bool end) {
  if (finished_) return;
  if (&s == client) {
    body_received += data.size();
    if (end) upload_ended_ = true;
    if (plan && plan->max_body && body_received > plan->max_body && !response_started) {
      Error e{Fault::too_large, Side::client};
      e.status = 413;
      e.text = "client intended to send too large chunked body";
      fail(e);
      return;
    }
    if (collector_ && !collector_->complete && !up.is_open()) {
      BodyCollector& k = *collector_;
      if (!k.add(data)) k.failed = true;
      if (end || (!k.to_file && k.size >= k.limit)) k.complete = true;
      k.cut = k.complete && !end;
      if ((k.complete || k.failed || k.each) && k.waiter) wake(*k.waiter);
      return;
    }
    body_started_ = true;
    up.data(data, end);
    if (end && tunnel_) maybe_finish();
    return;
  }
  if (&s == upload_file_) return up.data(data, end);
  if (end && &s == upstream && !tunnel_) {
    if (plan && !plan->pass_trailers) response.trailers.clear();
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
  bool serving = plan && !plan->ignore_client_abort && upstream;
  bool waiting = watch_client && !plan && cursors[kRequest].waiting && upload_ended_;
  if ((serving || waiting) && !response_started) {
    Error e{Fault::closed, Side::client};
    e.text = "client prematurely closed connection";
    return client_gone(e);
  }
}

void Transaction::on_reset(http::Stream& s, const Error& why) {
  if (finished_) return;
  if (&s == client) return client_gone(why);
  if (&s == upstream) return upstream_failed(why);
  close_client = true;
  error = why;
  finish();
}

void Transaction::client_gone(const Error& why) {
  if (why.status && !response_started) {
    upload_ended_ = true;
    fail(why);
    return;
  }
  error = why;
  finish();
}

void Transaction::kill() {
  if (finished_) return;
  error = Error{Fault::cancelled, Side::proxy};
  error.text = "ended by an operator";
  response_ended_ = false;
  close_client = true;
  finish();
}

void Transaction::finish() {
  if (finished_) return;
  bool complete = response_ended_ && (!tunnel_ || upload_ended_);
  leave_queue();
  release_upstream(false);
  finished_ = true;
  if (!parent) stats::bump(stats::counters().writing, int64_t{-1});
  times.end_ms = shard.loop.now();
  leave_pool();
  count_times();
  while (Waiter* w = waiters_) {
    waiters_ = w->next;
    if (w->cancel) w->cancel(w);
  }
  cursors[kRequest].stop();
  cursors[kResponse].stop();
  up.close();
  down.close();
  if (file_) file_->stop();
  if (upload_file_) upload_file_->stop();
  TaskLink::unlink();
  take_back_request();
  personality->log(*this);
  stop_being_guest();
  if (http::Stream* c = client) {
    client = nullptr;
    if (complete)
      c->finish();
    else
      c->abort();
  }
  shard.loop.retire(this, [](void* p) { Slab<Transaction>::local().destroy(static_cast<Transaction*>(p)); });
}

}  // namespace weir::proxy
