// See haproxy/personality.h: the life of a request through frontend and backend, retries, errors and the end.
#include <fmt/format.h>

#include "haproxy/personality.h"
#include "net/proxy_protocol.h"

#include <unistd.h>

#include "haproxy/absolute_target.h"
#include "haproxy/answer.h"
#include "haproxy/capture.h"
#include "haproxy/compression.h"
#include "haproxy/cookie.h"
#include "haproxy/forwarded.h"
#include "haproxy/forwarded_header.h"
#include "haproxy/global.h"
#include "haproxy/haproxy.h"
#include "haproxy/log_tags.h"
#include "haproxy/outcome.h"
#include "haproxy/proxy_fields.h"
#include "haproxy/stick.h"
#include "haproxy/traffic_log.h"
#include "haproxy/unique_id.h"
#include "health/checks.h"
#include "http/h1_server.h"
#include "proxy/delay.h"
#include "proxy/shard.h"

namespace weir::haproxy {

using proxy::Cursor;
using proxy::Next;
using proxy::Transaction;

namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

class Personality final : public proxy::Personality {
 public:
  explicit Personality(bool ignore_probes) : ignore_probes_(ignore_probes) {}
  Str name() const override { return "haproxy"; }

  void begin(Transaction& txn) const override;
  void screen(Transaction& txn) const override;
  void response(Transaction& txn) const override;
  void filters(Transaction& txn) const override { add_compression(txn, exchange(txn)); }
  void error_reply(Transaction& txn, const Error& why) const override;
  bool wants_retry(const Transaction& txn, const Error& why) const override;
  void attempt_failed(Transaction& txn, const Error& why) const override;
  void attempt_answered(Transaction& txn) const override;
  void gave_up(const Transaction& txn, const model::Server* server, const Error& why) const override;
  void connected(Transaction& txn) const override {
    Exchange& x = exchange(txn);
    if (x.back && !x.back->sticks.empty()) store_sticks(txn, x);
  }
  void proxy_addresses(Transaction& txn, net::Addr& source, net::Addr& destination) const override;
  std::string proxy_tlvs(Transaction& txn, const model::Server& server) const override;
  void connection_refused(const model::Listener& listener, net::Conn* conn, const net::Addr& client, Refusal why,
                          Str text, Str detail) const override;
  void reached(Transaction& txn, proxy::Milestone what) const override { log_milestone(txn, what); }
  bool passes_interim(const Transaction& txn) const override { return txn.response.status != 102; }
  bool pick_another(const Transaction& txn) const override;
  bool ends_quietly(bool silent) const override { return silent && ignore_probes_; }
  void finish_head(Transaction&, http::Message&) const override {}
  void broke_off(const Transaction& txn, const Error& why) const override;
  void trouble(const model::Listener& listener, int sys, Str text) const override;
  void log(Transaction& txn) const override;
  void guest_response(Transaction& txn) const override { response(txn); }
  void guest_ended(Transaction& txn) const override;

 private:
  bool ignore_probes_;
};

// What a PROXY header or a rule says takes the place of the connection's addresses (configuration.txt, accept-proxy).
void take_proxied(Transaction& txn, Exchange& x) {
  const auto* client = txn.client ? static_cast<http::H1Server*>(txn.client->conn()) : nullptr;
  const net::ProxyInfo* p = client ? client->proxied() : nullptr;
  if (!p) return;
  if (p->has_addresses) x.source = txn.arena.make<net::Addr>(p->src);
  x.destination = txn.arena.make<net::Addr>(p->has_addresses ? p->dst : client->wire_destination());
}

void Personality::screen(Transaction& txn) const {
  auto* x = txn.arena.make<Exchange>();
  txn.extra = x;
  x->front = static_cast<const Proxy*>(txn.listener.conf);
  if (txn.listener.accept_proxy || txn.listener.connection_rules || txn.listener.session_rules) take_proxied(txn, *x);
}

void Personality::begin(Transaction& txn) const {
  screen(txn);
  bool absolute = !txn.request.scheme.empty() || txn.request.method == http::Method::connect;
  if (absolute && !txn.rejected) normalize_target(txn.request);
  auto* x = static_cast<Exchange*>(txn.extra);
  x->front->front_counters->requests.fetch_add(1, kRelaxed);
  x->front->front_counters->request_rate.add(txn.times.head_ms);
  x->front->front_counters->current.add();
  if (x->front->tracks) count_request(txn);
  if (x->front->s.has(kOptHttpClose)) txn.close_client = true;
  if (!txn.rejected) log_accepted(txn);
  txn.where = &x->front->front;
  txn.cursors[Transaction::kRequest].start(&x->front->front);
}

// Pushes a ruleset that runs before what is on the cursor already.
void push(Cursor& c, const proxy::Segment& s) {
  if (!s.size) return;
  if (!c.running())
    c.start(&s);
  else
    c.stack[++c.depth] = {&s, 0};
}

void Personality::response(Transaction& txn) const {
  if (txn.rejected) return;  // no rule has seen the request, none sees the answer
  const Exchange& x = exchange(txn);
  Cursor& c = txn.cursors[Transaction::kResponse];
  const Proxy* front = x.front;
  const Proxy* back = x.back == front ? nullptr : x.back;
  if (front && !front->response_captures.empty()) capture_headers(txn, true);
  // The last ones first: the cursor runs what was pushed last.
  if (front) push(c, front->segment(Ruleset::after));
  if (back) push(c, back->segment(Ruleset::after));
  if (txn.local_reply) return;
  if ((front && front->persists) || (x.back && x.back->persists)) push(c, kResponsePersistence);
  if (front) push(c, front->segment(Ruleset::response));
  if (back) push(c, back->segment(Ruleset::response));
  if (x.back) push(c, x.back->segment(Ruleset::response_content));
}

// The access line only has HAProxy's two letters; what was refused and why is told in a line of its own.
void log_reason(const Transaction& txn, const Error& why) {
  const Exchange& x = exchange(txn);
  Str whose = why.side == Side::client ? "request refused" : "response refused";
  if (why.fault == Fault::resource)
    whose = "out of resources";
  else if (why.fault != Fault::bad_message && why.fault != Fault::too_large)
    return;
  const net::Conn* client = txn.client ? txn.client->conn() : nullptr;
  std::string from = client ? fmt::format("{} [{}] ", client->peer().text(), log_date()) : std::string();
  std::string line = fmt::format("{}{}: {}: {}", from, x.front->name, whose, why.text);
  if (why.sys) line += fmt::format(" ({})", strerror(why.sys));
  uint8_t level = why.fault == Fault::resource ? kLevelError : kLevelInfo;
  log_about(global(txn.shard.model), *x.front, level, line);
}

// A proxy on the way to the server refused: the server's letters in the access line would blame the server.
void log_relay(const Transaction& txn, const Error& why) {
  const Exchange& x = exchange(txn);
  std::string line = fmt::format("{}: connection to server {}/{} failed: {}", x.front ? x.front->name : Str("-"),
                                 txn.pool->name, txn.server->name, why.text);
  if (why.sys) line += fmt::format(" ({})", strerror(why.sys));
  if (x.front) log_about(global(txn.shard.model), *x.front, kLevelError, line);
}

void Personality::broke_off(const Transaction& txn, const Error& why) const {
  log_reason(txn, why);
}

void Personality::trouble(const model::Listener& listener, int sys, Str text) const {
  const auto& front = *static_cast<const Proxy*>(listener.conf);
  log_about(global(proxy::Shard::current().model), front, kLevelAlert,
            fmt::format("{}: {} ({})", front.name, text, strerror(sys)));
}

void Personality::proxy_addresses(Transaction& txn, net::Addr& source, net::Addr& destination) const {
  const Exchange& x = exchange(txn);
  if (x.source) source = *x.source;
  if (x.destination) destination = *x.destination;
}

std::string Personality::proxy_tlvs(Transaction& txn, const model::Server& server) const {
  return proxy_fields(txn, *static_cast<const ServerOptions*>(server.conf));
}

// A bind's name, or its number among those of its frontend, as messages about a connection have it.
std::string bind_name(const Proxy& front, const model::Listener& listener) {
  if (listener.name != front.name) return std::string(listener.name);
  auto found = std::find(front.listeners.begin(), front.listeners.end(), &listener);
  return std::to_string(found == front.listeners.end() ? 0 : found - front.listeners.begin() + 1);
}

void Personality::connection_refused(const model::Listener& listener, net::Conn* conn, const net::Addr& client,
                                     Refusal why, Str text, Str detail) const {
  auto& front = *static_cast<const Proxy*>(listener.conf);
  if ((ignore_probes_ || front.s.has(kOptDontLogNull)) && why == Refusal::silent) return;
  std::string reason = detail.empty() ? std::string() : fmt::format(" ({})", detail);
  log_refused(global(proxy::Shard::current().model), front, conn,
              fmt::format("{} [{}] {}/{}: {}{}", client.text(), log_date(), front.name, bind_name(front, listener),
                          text, reason));
}

void Personality::error_reply(Transaction& txn, const Error& why) const {
  const Exchange& x = exchange(txn);
  if (txn.termination.cause == '-') txn.termination = termination_of(txn, why);
  if (why.side == Side::client && x.front) x.front->front_counters->bad_requests.fetch_add(1, kRelaxed);
  log_reason(txn, why);
  if (txn.tcp) {
    txn.drop(false);
    return;
  }
  answer(txn, page_for(txn, status_of(why)), context_for(txn));
}

bool retries_status(const Proxy& back, uint16_t status) {
  for (uint16_t s : back.s.retry_status)
    if (s == status) return true;
  return false;
}

bool Personality::wants_retry(const Transaction& txn, const Error& why) const {
  const Exchange& x = exchange(txn);
  const Proxy* back = x.back;
  if (!back || txn.tries_done > retries_of(x, *back)) return false;
  const uint16_t on = x.once ? back->s.retry_on & kRetryConnFailure : back->s.retry_on;
  if (!why) return (on & kRetryStatus) && retries_status(*back, txn.response.status);
  if (why.side != Side::server && why.fault != Fault::resource) return false;
  // An idle connection that its server had closed: HAProxy makes the client ask again (it closes without an answer); what changes
  // nothing is sent again from here.
  if (why.retry == Retry::reused && on && retries_of(x, *back) && http::is_safe(txn.request.method)) return true;
  // Before the request left, a retry repeats nothing. Later ones are only done where they were asked for.
  if (!txn.request_sent()) return on & kRetryConnFailure;
  switch (why.fault) {
    case Fault::closed:
    case Fault::reset: return on & kRetryEmptyResponse;
    case Fault::bad_message: return on & kRetryJunkResponse;
    case Fault::timeout: return on & kRetryResponseTimeout;
    default: return false;
  }
}

int serving(const model::Pool& pool) {
  int n = 0;
  for (const model::Server* s : pool.servers)
    if (!s->backup && !s->without_address() && s->state->up.load(kRelaxed) && !s->state->admin.load(kRelaxed)) n++;
  return n;
}

// A round robin does not care for the server that failed, so another one is taken at once; otherwise the configured retry.
bool Personality::pick_another(const Transaction& txn) const {
  const Exchange& x = exchange(txn);
  const Proxy* back = x.back;
  if (!back || !back->s.redispatch || x.persistence.forced) return false;
  if (!x.persistence.direct && serving(*txn.pool) > 1) return true;
  if (txn.server && !model::keeps_clients(*txn.server, txn.shard.loop.now())) return true;
  int done = txn.tries_done, after = back->s.redispatch_after, retries = static_cast<int>(retries_of(x, *back));
  if (after > 0) return done % after == 0;
  int period = retries + 1 + after;
  return after < 0 && period > 0 && done % period == 0;
}

// What a failed try tells the checks of its server that observe traffic.
health::Seen seen(const Transaction& txn, const Error& why) {
  if (!txn.request_sent()) return health::Seen::unreachable;
  if (why.fault == Fault::bad_message || why.fault == Fault::too_large) return health::Seen::bad_head;
  if (why.fault == Fault::timeout) return health::Seen::late_answer;
  return why.fault == Fault::closed ? health::Seen::broken : health::Seen::no_answer;
}

void Personality::attempt_failed(Transaction& txn, const Error& why) const {
  if (!txn.server) return;
  if (why.side == Side::server) health::observed(*txn.server, seen(txn, why));
  if (why.fault == Fault::relay) log_relay(txn, why);
}

void Personality::gave_up(const Transaction& txn, const model::Server* server, const Error& why) const {
  if (why.side == Side::client) return;
  const bool answer = txn.server && txn.request_sent();
  model::PoolState& pool = *txn.pool->state;
  (answer ? pool.response_errors : pool.connect_errors).fetch_add(1, kRelaxed);
  if (!server) return;
  model::ServerState& s = *server->state;
  (answer ? s.response_errors : s.connect_errors).fetch_add(1, kRelaxed);
}

void Personality::attempt_answered(Transaction& txn) const {
  unsigned family = txn.response.status / 100;
  txn.server->state->status[family < 6 ? family : 0].fetch_add(1, kRelaxed);
  if (!txn.server->checks) return;
  health::observed(*txn.server, health::Seen::connected);
  uint16_t status = txn.response.status;
  bool good = (status >= 100 && status < 500) || status == 501 || status == 505;
  health::observed(*txn.server, good ? health::Seen::good_answer : health::Seen::bad_answer);
}

void Personality::guest_ended(Transaction& txn) const {
  // A closed backend (--allow-planned) is never entered.
  Exchange& x = exchange(txn);
  if (x.back) txn.count_into(*x.back->back_counters);
  if (x.trackers) finish_tracking(txn, x);
}

// Who ended it early; the backend and the server keep the same count.
void count_abort(const Exchange& x, const Transaction& txn) {
  char cause = txn.termination.cause;
  if (cause == 'C') {
    if (x.back) x.back->back_counters->client_aborts.fetch_add(1, kRelaxed);
    if (txn.server) txn.server->state->client_aborts.fetch_add(1, kRelaxed);
  } else if (cause == 'S' && txn.termination.phase == 'D') {
    if (x.back) x.back->back_counters->server_aborts.fetch_add(1, kRelaxed);
    if (txn.server) txn.server->state->server_aborts.fetch_add(1, kRelaxed);
  }
}

void Personality::log(Transaction& txn) const {
  Exchange& x = exchange(txn);
  if (txn.tcp && txn.server && txn.request_sent()) health::observed(*txn.server, health::Seen::connected);
  if ((x.denied || x.tarpitted) && !txn.tcp && watches_cookies(x.front, x.back)) note_refused_cookies(txn, x);
  if (txn.termination.cause == '-' && txn.error && !txn.response_complete())
    txn.termination = termination_of(txn, txn.error);
  if (x.status) txn.response.status = x.status;
  if (x.tarpitted && txn.error && txn.error.side == Side::client) {
    txn.termination = {'C', 'T'};
    if (!txn.times.queue_ms) txn.times.queue_ms = txn.shard.loop.now();
  }
  if (x.front) {
    x.front->front_counters->current.down();
    txn.count_into(*x.front->front_counters);
  }
  if (x.back) txn.count_into(*x.back->back_counters);
  if (x.trackers || (x.front && x.front->tracks)) finish_tracking(txn, x);
  count_abort(x, txn);
  // A rule of the frontend's, or of a section that is both, has answered.
  const bool answered = txn.termination.cause == 'L' && txn.termination.phase == 'R';
  if (answered && x.front && (!x.back || x.back == x.front))
    x.front->front_counters->intercepted.fetch_add(1, kRelaxed);
  // The next request of the connection starts with the frontend's timeout again.
  if (x.overrides && x.overrides->client != kForever && txn.client)
    static_cast<http::H1Server*>(txn.client)->set_timeouts(txn.listener.timeouts);
  if (!txn.no_log && x.front) log_end(txn);
}

// What is worked out once per request that may change it; plans are shared where a request changes nothing.
const proxy::Forward* plan_for(Transaction& txn, const Exchange& x, const Proxy& back) {
  bool drops = x.front && x.front->s.has(kOptDropResponseTrailers);
  if (!x.overrides && x.retries == kForever && !drops) return &back.plan;
  auto* plan = txn.arena.make<proxy::Forward>(back.plan);
  plan->client.pass_trailers = !drops;
  plan->tries = retries_of(x, back) + 1;
  if (!x.overrides) return plan;
  const Timeouts& t = *x.overrides;
  if (t.server != kForever) plan->read_timeout = plan->send_timeout = t.server;
  if (t.connect != kForever) plan->connect_timeout = t.connect;
  if (t.queue != kForever) plan->queue_timeout = t.queue;
  if (t.tunnel != kForever) plan->tunnel_timeout = t.tunnel;
  return plan;
}

}  // namespace

const proxy::Personality& personality(bool ignore_probes) {
  static const Personality usual(false), quiet(true);
  return ignore_probes ? quiet : usual;
}

Next run_forward(Transaction& txn, Cursor&, const void* conf) {
  auto& back = *static_cast<const Proxy*>(conf);
  Exchange& x = exchange(txn);
  if (!txn.tcp) {
    add_unique_id(txn, x);
    add_forwarded(txn, x);
    if (back.s.forwarded) add_forwarded_header(txn, x);
    choose_coding(txn, x);
  }
  return txn.forward(plan_for(txn, x, back));
}

Next collect_request_body(Transaction& txn, Cursor& c, uint32_t at_least, uint32_t ms) {
  auto* deadline = static_cast<proxy::Delay*>(c.state);
  uint32_t limit = at_least ? at_least : global(txn.shard.model).tune_bufsize;
  bool done = txn.collect_body(c, limit, false, {});
  if (done || !deadline) {
    if (deadline) deadline->end();
    if (done) return Next::next;
    if (txn.request.expect_continue && txn.client) static_cast<http::H1Server*>(txn.client)->send_continue();
    c.state = proxy::Delay::start(txn, c, ms ? ms : kForever);
    return Next::wait;
  }
  if (!deadline->over()) return Next::wait;
  Error e{Fault::timeout, Side::client};
  e.status = 408;
  e.text = "the request body did not come in time";
  return txn.fail(e);
}

}  // namespace weir::haproxy
