// The part of proxy/transaction.h that deals with servers: a pool, a server of it, a connection, the request, and another try.
#include "balance/lineup.h"
#include "base/slab.h"
#include "model/route.h"
#include "proxy/delay.h"
#include "proxy/file_body.h"
#include "proxy/forward.h"
#include "proxy/half_close.h"
#include "proxy/personality.h"
#include "proxy/shard.h"
#include "proxy/transaction.h"
#include "proxy/upstreams.h"
#include "stats/counters.h"

namespace weir::proxy {

using http::Body;

namespace {
constexpr uint64_t kTurnaround = 1000;  // ms
constexpr auto kRelaxed = std::memory_order_relaxed;

void count_choice(const model::Server& server) {
  server.state->chosen.fetch_add(1, kRelaxed);
  server.pool->state->chosen.fetch_add(1, kRelaxed);
}

// The try after one on `before` is made. The server that was left counts that it was.
void count_retry(const model::Server& before, const model::Server& server) {
  auto count = [&](auto& of_server, auto& of_pool) {
    of_server.fetch_add(1, kRelaxed);
    of_pool.fetch_add(1, kRelaxed);
  };
  model::ServerState& s = *before.state;
  model::PoolState& p = *before.pool->state;
  if (&before == &server)
    count(s.retries, p.retries);
  else
    count(s.redispatches, p.redispatches);
}
}  // namespace

Next Transaction::forward(const Forward* p) {
  if (collector_ && collector_->failed) {
    Error e{Fault::resource, Side::proxy};
    e.sys = collector_->error;
    e.text = "cannot keep the request body";
    return fail(e);
  }
  if (body_started_ && !body_kept()) {
    close_client = true;
    Error e{Fault::cancelled, Side::proxy};
    e.status = 502;
    e.text = "the request body has gone to another server already";
    return fail(e);
  }
  plan = p;
  if (!joined_) leave_pool();
  pool = p->pool ? p->pool : chosen_pool(*p);
  if (!pool) return fail(error);
  if (pool->entry && p->conf != pool->conf) return be_guest(*p);
  if (host_plan_) plan = guest_plan(*p);
  if (!std::exchange(joined_, false) || in_pool_ != pool) {
    leave_pool();
    enter_pool(*pool);
  }
  tried.clear();
  tries_done = 0;
  enters_pool_ = true;
  left_ = nullptr;
  server = nullptr;
  start_attempt();
  return Next::done;
}

void Transaction::join(const model::Pool& to) {
  leave_pool();
  enter_pool(to);
  joined_ = true;
}

// Null: `error` says why there is none.
const model::Pool* Transaction::chosen_pool(const Forward& p) {
  Error before = error;
  error = Error{Fault::no_server, Side::proxy};
  error.text = "no backend for the request";
  const model::Pool* found = p.choose(*this, p);
  if (found) error = before;
  return found;
}

void Transaction::enter_pool(const model::Pool& to) {
  model::PoolState& s = *to.state;
  stats::raise(s.max_current, s.current.up());
  s.total.fetch_add(1, std::memory_order_relaxed);
  s.used_ms.store(shard.loop.now(), std::memory_order_relaxed);
  s.rate.add(shard.loop.now());
  in_pool_ = &to;
}

void Transaction::leave_pool() {
  if (in_pool_) in_pool_->state->current.down();
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

// Chooses `server`, or none, and counts this exchange among its current ones: how many they are. Another shard may take a server's
// last place between the choice and the count; then it is chosen again.
int32_t Transaction::take_server() {
  if (server && plan->stay) return server->state->current.up();
  model::Balancer& balancer = *pool->balancer;
  while ((server = balancer.pick(*pool, *this, tried))) {
    model::ServerState& s = *server->state;
    int32_t now = s.current.up();
    int32_t limit = model::limit_of(*server);
    if (!limit) return now;
    const bool awaits = balancer.awaits(*server, *this);
    // Who is not called goes behind those that wait for this server.
    const bool behind = awaits && !(queued && queued->called) && s.queued.read() > 0;
    if (now <= limit && !behind) return now;
    s.current.down();
    if (balancer.wishes.ends) balancer.ended(*server, {.now_ms = shard.loop.now()});
    if (!awaits) continue;
    awaited_ = server;
    server = nullptr;
    break;
  }
  return 0;
}

// What algorithms that measure learn from the try that is over. A server that the plan has kept counts as well.
void Transaction::tell_balancer(const Attempt& a) const {
  const model::Pool& p = *a.server->pool;
  if (!p.balancer->wishes.ends) return;
  model::TryEnd end;
  end.header_ms = a.head_ms;
  end.total_ms = a.total_ms;
  end.now_ms = shard.loop.now();
  end.failed = a.status == 500 || (a.status >= 502 && a.status <= 504);
  p.balancer->ended(*a.server, end);
}

// Whether there are requests that wait for any server, and that it does not overtake.
bool Transaction::may_wait_behind() const {
  return pool->local->queued_anywhere.load(std::memory_order_relaxed) > 0 && !server && !(queued && queued->called) &&
         queues();
}

void Transaction::start_attempt() {
  const bool behind_others = may_wait_behind();
  int32_t now = behind_others ? 0 : take_server();
  const model::Server* found = server ? server : awaited_;
  // Neither the server of the try before nor what the queue has found is a choice.
  const bool again = !enters_pool_ && found == attempts[attempts.size - 1].server;
  if (found && !named && !again && !(queued && queued->called)) count_choice(*found);
  if (!server) return enter_queue(behind_others);
  if (queued && queued->called) Queue::served(*queued);
  if (times.queue_ms == 0) times.queue_ms = shard.loop.now();
  if (left_) count_retry(*std::exchange(left_, nullptr), *server);
  tried.add(server->slot);
  tries_done++;
  Attempt& a = attempts.push(arena, Attempt{});
  a.server = server;
  a.first = std::exchange(enters_pool_, false);
  a.start_ms = shard.loop.now();
  a.connect_ms = a.head_ms = a.total_ms = UINT64_MAX;
  attempt_open_ = true;
  request_sent_ = false;
  model::ServerState& s = *server->state;
  stats::raise(s.max_current, now);
  s.total.fetch_add(1, std::memory_order_relaxed);
  s.used_ms.store(a.start_ms, std::memory_order_relaxed);
  s.rate.add(a.start_ms);
  if (server->route && server->route->answers && server->route->answers(*this, *server)) return;
  get_connection(true);
}

// A queue that the pool itself has is for requests that no server has had yet.
bool Transaction::queues() const {
  return pool->limits.max_queue ? tries_done == 0 : plan->queues;
}

// All servers are tried, down or full, or others wait for them.
void Transaction::enter_queue(bool behind_others) {
  const model::Server* awaited = std::exchange(awaited_, nullptr);
  const bool own = pool->limits.max_queue != 0;
  const bool called = queued && queued->called;
  if (queues() && (behind_others || awaited || own || model::is_full(*pool, shard.loop.now()))) {
    if (called || Queue::has_room(*pool, awaited))
      return shard.queue.wait(*this, *pool, awaited, own ? pool->limits.queue_timeout : plan->queue_timeout);
    if (times.queue_ms == 0) times.queue_ms = shard.loop.now();
    Error e{Fault::queue_full, Side::proxy};
    e.text = "too many requests wait for a server";
    return give_up(awaited, e);
  }
  Error e{Fault::no_server, Side::proxy};
  e.text = "no live upstreams";
  give_up(nullptr, e);
}

void Transaction::queue_place() {
  times.queue_ms = shard.loop.now();
  start_attempt();
}

void Transaction::queue_expired() {
  queued->expired = true;
  leave_queue();
  times.queue_ms = shard.loop.now();
  Error e{Fault::queue_timeout, Side::proxy};
  e.text = "no place on a server within the queue's time";
  give_up(queued->server, e);
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
  if (milestones & kConnected) personality->reached(*this, kConnected);
  if (tcp) {
    pool->personality->connected(*this);
    response.body = Body::tunnel;
    tunnel_ = true;
    response_started = true;
    request_sent_ = true;
    up.open(client, upstream, kWindow);
    down.open(upstream, client, kWindow);
    if (collector_ && (collector_->size || upload_ended_)) up.data(collector_->text(), upload_ended_);
    return;
  }
  if (collector_ && collector_->copies && !collector_->complete)
    collector_ = nullptr;  // nothing of the body has come yet
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

void Transaction::copy_body() {
  const bool sized = request.body == Body::length;
  if (sized && request.content_length > plan->keep_body) return;
  collector_ = arena.own<BodyCollector>();
  collector_->arena = &arena;
  collector_->limit = plan->keep_body;
  collector_->copies = true;
  if (sized) collector_->reserve(request.content_length);
}

// What is too long for it, or finds no memory, can't be sent again.
void Transaction::add_to_copy(Str data, bool end) {
  BodyCollector& copy = *collector_;
  if (copy.size + data.size() > copy.limit || !copy.add(data))
    collector_ = nullptr;
  else
    copy.complete = end;
}

void Transaction::open_up() {
  if (plan->keep_body && !collector_ && !body_started_) copy_body();
  up.trailers = plan->drop_request_trailers ? nullptr : &request.trailers;
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
  // Ordered against Queue::wait, which counts itself and then looks for a place: one of the two sees the other.
  s.current.down();
  tell_balancer(a);
  if (a.server->pool->local->queued.load() > 0) shard.queue.place_free(*a.server->pool);
  if (!upstream) return;
  net::Conn* c = upstream->conn();
  a.bytes_in = c->bytes_in - attempt_in_;
  a.bytes_out = c->bytes_out - attempt_out_;
  s.bytes_in.fetch_add(a.bytes_out, std::memory_order_relaxed);
  s.bytes_out.fetch_add(a.bytes_in, std::memory_order_relaxed);
}

void Transaction::upstream_failed(const Error& why) {
  if ((why.fault == Fault::closed || why.fault == Fault::reset) && why.retry != Retry::reused && told_server(*this)) {
    Error e{Fault::closed, Side::client};
    e.text = "client prematurely closed connection";
    fail(e);
    return;
  }
  error = why;
  if (attempts.size) {
    // A failed try without an answer shows as the status that it would have led to (nginx's $upstream_status).
    Attempt& a = attempts[attempts.size - 1];
    if (a.status == 0) a.status = why.fault == Fault::timeout || why.fault == Fault::connect_timeout ? 504 : 502;
  }
  release_upstream(false);
  if (finished_) return;
  if (client_lost_) return finish();
  if (response_started) {
    close_client = true;
    return finish();
  }
  personality->log_attempt(*this, why);
  pool->personality->attempt_failed(*this, why);
  if (!try_next(why)) give_up(server, why);
}

void Transaction::give_up(const model::Server* at, const Error& why) {
  pool->personality->gave_up(*this, at, why);
  fail(why);
}

bool Transaction::try_next(const Error& why) {
  bool lost = body_started_ && !body_kept();
  if (lost || !client || !plan) return false;
  bool free_try = why.retry == Retry::reused && http::is_idempotent(request.method);
  if (free_try) tries_done--;  // nobody's fault: an idle connection that the server had closed
  if (!pool->personality->wants_retry(*this, why)) return false;
  if (!free_try) left_ = server;
  response.headers.clear();
  up.close();
  up = Pipe();
  if (free_try) tried.clear();
  if (plan->stay && pool->personality->pick_another(*this)) server = nullptr;
  bool refused = why.fault == Fault::refused || why.fault == Fault::unreachable || why.fault == Fault::relay ||
                 why.fault == Fault::tls;
  // The same server, or the only one, again.
  bool same = server || model::active_servers(*pool, shard.loop.now()) <= 1;
  if (plan->turnaround && plan->stay && same && refused)
    Delay::start(*this, std::min<uint64_t>(plan->connect_timeout ? plan->connect_timeout : kTurnaround, kTurnaround),
                 [](Transaction& txn) { txn.start_attempt(); });
  else
    start_attempt();
  return true;
}

}  // namespace weir::proxy
