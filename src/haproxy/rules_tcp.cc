// tcp-request and tcp-response rules: accept and reject of connections, sessions and contents, and the time that contents are
// waited for (configuration.txt 4.5). In HTTP mode contents are there when the head is complete.
#include <fmt/format.h>

#include "haproxy/bind.h"
#include "haproxy/rule.h"
#include "haproxy/rules_answer.h"
#include "haproxy/rules_tcp.h"
#include "haproxy/tables.h"
#include "proxy/delay.h"
#include "proxy/shard.h"

namespace weir::haproxy {
namespace {

// What a content ruleset that waits keeps between its rules.
bool expired(const Transaction& txn, const Proxy& proxy) {
  const proxy::BodyCollector* seen = txn.collected();
  return !proxy.s.inspect_delay || txn.upload_ended() || (seen && seen->complete) ||
         txn.shard.loop.now() >= txn.times.head_ms + proxy.s.inspect_delay;
}

Outcome content_outcome(const Rule& rule, Transaction& txn, Cursor& c) {
  // What woke this step is over: another step may wait for something else next.
  if (c.state) {
    static_cast<proxy::Delay*>(c.state)->end();
    txn.watch_content(nullptr);
    c.state = nullptr;
  }
  if (!rule.condition) return Outcome::yes;
  expr::Ctx ctx = context_for(txn, rule.response);
  if (txn.tcp && rule.set == Ruleset::content) {
    const Exchange& x = exchange(txn);
    ctx.final = expired(txn, *(x.back ? x.back : x.front));
    bool may_change = false;
    ctx.may_change = &may_change;
    Outcome out = rule.condition->test(ctx);
    if (out == Outcome::no && may_change && !ctx.final) return Outcome::unknown;
    return out;
  }
  return rule.condition->test(ctx);
}

Next run_accept(Transaction& txn, Cursor& c, const void* conf) {
  auto& rule = *static_cast<const Rule*>(conf);
  Outcome out = content_outcome(rule, txn, c);
  if (out == Outcome::unknown) return wait_for_content(txn, c);
  return out == Outcome::yes ? leave_ruleset(txn, c) : Next::next;
}

Next end_connection(Transaction& txn, Cursor& c, const Rule& rule, bool silently) {
  Outcome out = content_outcome(rule, txn, c);
  if (out == Outcome::unknown) return wait_for_content(txn, c);
  if (out != Outcome::yes) return Next::next;
  note_final(txn, c);
  Exchange& x = exchange(txn);
  x.denied = true;
  if (rule.response) {
    count_denied_response(txn);
    txn.termination = {'P', 'D'};
    return txn.drop(silently);
  }
  if (x.front) x.front->front_counters->denied_requests.fetch_add(1, std::memory_order_relaxed);
  txn.termination = {'P', 'R'};
  return txn.drop(silently);
}

Next run_reject(Transaction& txn, Cursor& c, const void* conf) {
  return end_connection(txn, c, *static_cast<const Rule*>(conf), false);
}
Next run_silent_drop(Transaction& txn, Cursor& c, const void* conf) {
  return end_connection(txn, c, *static_cast<const Rule*>(conf), true);
}

void bind_plain(Scope& scope, const Directive& d, const Row& row, proxy::StepFn run) {
  Words args;
  auto* rule = new_rule<Rule>(scope, d, row, args);
  if (rule && no_more(scope, args, 0, row)) add_rule(scope, d, *rule, run);
}
void bind_accept(void* s, const Directive& d, const Row& row) {
  bind_plain(scope_of(s), d, row, run_accept);
}
void bind_reject(void* s, const Directive& d, const Row& row) {
  bind_plain(scope_of(s), d, row, run_reject);
}

void bind_silent_drop(void* s, const Directive& d, const Row& row) {
  bind_dropping(scope_of(s), d, row, run_silent_drop);
}

// The contents of a response are inspected when its head is there, so nothing is left to wait for.
void bind_response_delay(void* s, const Directive& d, const Row& row) {
  uint32_t ms = 0;
  read_time_ms(scope_of(s), args_of(d, row)[0], row.name, ms);
}

void bind_delay(void* s, const Directive& d, const Row& row) {
  read_time_ms(scope_of(s), args_of(d, row)[0], row.name, scope_of(s).proxy->s.inspect_delay);
}

constexpr Str kIf = "[ { if | unless } <condition> ]";

constexpr Str kIfDrop = "[ rst-ttl <ttl> ] [ { if | unless } <condition> ]";
constexpr Str kDropHelp = "drop the connection so that the client is not told";

constexpr Row kRows[] = {
    rule_row("tcp-request connection accept", kFrontends, 0, -1, bind_accept, kIf, "accept the connection"),
    rule_row("tcp-request connection reject", kFrontends, 0, -1, bind_reject, kIf, "close the connection at once"),
    rule_row("tcp-request connection silent-drop", kFrontends, 0, -1, bind_silent_drop, kIfDrop, kDropHelp),
    rule_row("tcp-request session accept", kFrontends, 0, -1, bind_accept, kIf, "accept the session"),
    rule_row("tcp-request session reject", kFrontends, 0, -1, bind_reject, kIf,
             "close the session after its handshakes"),
    rule_row("tcp-request session silent-drop", kFrontends, 0, -1, bind_silent_drop, kIfDrop, kDropHelp),
    rule_row("tcp-request content accept", kProxies, 0, -1, bind_accept, kIf, "accept the contents and go on"),
    rule_row("tcp-request content reject", kProxies, 0, -1, bind_reject, kIf,
             "close the connection because of its contents"),
    rule_row("tcp-request content silent-drop", kProxies, 0, -1, bind_silent_drop, kIfDrop, kDropHelp),
    rule_row("tcp-response content accept", kBackends, 0, -1, bind_accept, kIf, "accept the response and go on"),
    rule_row("tcp-response content reject", kBackends, 0, -1, bind_reject, kIf,
             "close the connection because of the response"),
    rule_row("tcp-response content silent-drop", kBackends, 0, -1, bind_silent_drop, kIfDrop, kDropHelp),
    {"tcp-response inspect-delay", kBackends, 1, 1, Block::none, Inherit::copy, bind_response_delay, "<timeout>",
     "longest wait for response data in tcp-response content rules"},
    {"tcp-request inspect-delay", kProxies, 1, 1, Block::none, Inherit::copy, bind_delay, "<timeout>",
     "longest wait for request data in tcp-request content rules"},
};

}  // namespace

Next wait_for_content(Transaction& txn, Cursor& c) {
  const Exchange& x = exchange(txn);
  const Proxy& proxy = *(x.back ? x.back : x.front);
  uint64_t end = txn.times.head_ms + proxy.s.inspect_delay, now = txn.shard.loop.now();
  txn.watch_content(&c);
  c.state = proxy::Delay::start(txn, c, end > now ? end - now : 1);
  return Next::wait;
}

const config::Table kTcpRuleTable = kRows;

}  // namespace weir::haproxy
