// Rules that end a request with an answer, or let it pass: allow, deny, reject, return, silent-drop, tarpit.
#include <fmt/format.h>

#include "haproxy/bind.h"
#include "haproxy/rules_answer.h"
#include "haproxy/tables.h"
#include "proxy/delay.h"

namespace weir::haproxy {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

void count_denied(Transaction& txn, const Rule& rule) {
  Exchange& x = exchange(txn);
  x.denied = true;
  if (rule.response)
    count_denied_response(txn);
  else if (x.front)
    x.front->front_counters->denied_requests.fetch_add(1, kRelaxed);
}

Next run_return(Transaction& txn, Cursor& c, const void* conf) {
  auto& rule = *static_cast<const AnswerRule*>(conf);
  expr::Ctx ctx = context_for(txn, rule.response);
  if (!applies(rule, ctx)) return Next::next;
  note_final(txn, c);
  txn.termination = {'L', rule.response ? 'H' : 'R'};
  return answer(txn, *rule.page, ctx);
}

Next run_reject(Transaction& txn, Cursor& c, const void* conf) {
  auto& rule = *static_cast<const Rule*>(conf);
  if (!applies(rule, context_for(txn))) return Next::next;
  note_final(txn, c);
  count_denied(txn, rule);
  txn.termination = {'P', 'R'};
  return txn.drop(false);
}

// The connection is gone here, and the client keeps waiting for it.
Next run_silent_drop(Transaction& txn, Cursor& c, const void* conf) {
  auto& rule = *static_cast<const Rule*>(conf);
  if (!applies(rule, context_for(txn, rule.response))) return Next::next;
  note_final(txn, c);
  txn.termination = {'P', rule.response ? 'H' : 'R'};
  return txn.drop(true);
}

Next run_tarpit(Transaction& txn, Cursor& c, const void* conf) {
  auto& rule = *static_cast<const AnswerRule*>(conf);
  expr::Ctx ctx = context_for(txn);
  Exchange& x = exchange(txn);
  if (!c.resumed) {
    if (!applies(rule, ctx)) return Next::next;
    note_final(txn, c);
    x.tarpitted = true;
    count_denied(txn, rule);
    txn.termination = {'P', 'T'};
    const Timeouts& t = (x.back ? x.back : x.front)->s.timeouts;
    uint32_t set = x.overrides ? x.overrides->tarpit : kForever;
    uint32_t ms = set != kForever ? set : t.tarpit != kForever ? t.tarpit : t.connect != kForever ? t.connect : 10000;
    proxy::Delay::start(txn, c, ms);
    return Next::wait;
  }
  txn.times.queue_ms = txn.shard.loop.now();
  return answer(txn, *rule.page, ctx);
}

}  // namespace

void count_denied_response(const Transaction& txn) {
  const Exchange& x = exchange(txn);
  if (x.front) x.front->front_counters->denied_responses.fetch_add(1, kRelaxed);
  if (x.back) x.back->back_counters->denied_responses.fetch_add(1, kRelaxed);
  if (txn.server) txn.server->state->denied_responses.fetch_add(1, kRelaxed);
}

Next run_allow(Transaction& txn, Cursor& c, const void* conf) {
  auto& rule = *static_cast<const Rule*>(conf);
  return applies(rule, context_for(txn, rule.response)) ? leave_ruleset(txn, c) : Next::next;
}

Next run_deny(Transaction& txn, Cursor& c, const void* conf) {
  auto& rule = *static_cast<const AnswerRule*>(conf);
  expr::Ctx ctx = context_for(txn, rule.response);
  if (!applies(rule, ctx)) return Next::next;
  note_final(txn, c);
  count_denied(txn, rule);
  txn.termination = {'P', rule.response ? 'H' : 'R'};
  return answer(txn, *rule.page, ctx);
}

void bind_dropping(Scope& scope, const Directive& d, const Row& row, proxy::StepFn run) {
  Words args;
  auto* rule = new_rule<Rule>(scope, d, row, args);
  if (!rule) return;
  // rst-ttl changes how far the reset travels; it is sent with the usual reach.
  size_t used = args.size() >= 2 && args[0] == "rst-ttl" ? 2 : 0;
  if (used) scope.diag.note(args[0].where, "'rst-ttl' has no effect in weir: the reset is sent with the system's TTL");
  if (no_more(scope, args, used, row)) add_rule(scope, d, *rule, run);
}

namespace {

void bind_plain(Scope& scope, const Directive& d, const Row& row, proxy::StepFn run) {
  Words args;
  auto* rule = new_rule<Rule>(scope, d, row, args);
  if (rule && no_more(scope, args, 0, row)) add_rule(scope, d, *rule, run);
}

void bind_allow(void* s, const Directive& d, const Row& row) {
  bind_plain(scope_of(s), d, row, run_allow);
}
void bind_reject(void* s, const Directive& d, const Row& row) {
  bind_plain(scope_of(s), d, row, run_reject);
}

void bind_silent_drop(void* s, const Directive& d, const Row& row) {
  bind_dropping(scope_of(s), d, row, run_silent_drop);
}

void bind_answer(Scope& scope, const Directive& d, const Row& row, uint16_t status, bool deny, proxy::StepFn run) {
  Words args;
  auto* rule = new_rule<AnswerRule>(scope, d, row, args);
  if (!rule) return;
  size_t at = 0;
  rule->page = parse_page(scope, args, at, status, deny, place_of(scope, rule->set));
  if (rule->page && no_more(scope, args, at, row)) add_rule(scope, d, *rule, run);
}

void bind_deny(void* s, const Directive& d, const Row& row) {
  bool response = row.name.starts_with("http-response");
  bind_answer(scope_of(s), d, row, response ? 502 : 403, true, run_deny);
}
void bind_return(void* s, const Directive& d, const Row& row) {
  bind_answer(scope_of(s), d, row, 200, false, run_return);
}
void bind_tarpit(void* s, const Directive& d, const Row& row) {
  bind_answer(scope_of(s), d, row, 500, true, run_tarpit);
}

// `block if …` before 2.1.
void bind_block(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  scope.warning(d.where, "'block' is the old name of 'http-request deny'", "write: http-request deny");
  auto* rule = scope.arena.make<AnswerRule>();
  Words args = args_of(d, row);
  if (find_condition(args, 0) != 0) return;
  ParseEnv env = scope.env();
  rule->condition = scope.proxy->acls.condition(args, place_of(scope, rule->set), env);
  size_t none = 0;
  rule->page = parse_page(scope, {}, none, 403, true, kAtFrontendRequest);
  if (rule->condition && rule->page) add_rule(scope, d, *rule, run_deny);
}

constexpr Str kIf = "[ { if | unless } <condition> ]";
constexpr Str kDeny =
    "[ status <code> ] [ content-type <type> ] [ { default-errorfiles | errorfile <file> | errorfiles <name> | file "
    "<file> | "
    "lf-file <file> | string <str> | lf-string <fmt> } ] [ hdr <name> <fmt> ]* [ { if | unless } <condition> ]";

constexpr Row kRows[] = {
    rule_row("http-request allow", kProxies, 0, -1, bind_allow, kIf, "stop evaluating request rules and go on"),
    rule_row("http-response allow", kProxies, 0, -1, bind_allow, kIf, "stop evaluating response rules and go on"),
    rule_row("http-after-response allow", kProxies, 0, -1, bind_allow, kIf, "stop evaluating these rules and go on"),
    rule_row("http-request deny", kProxies, 0, -1, bind_deny, kDeny, "refuse the request with an answer"),
    rule_row("http-response deny", kProxies, 0, -1, bind_deny, kDeny, "replace the response by a refusal"),
    rule_row("http-request return", kProxies, 0, -1, bind_return, kDeny, "answer the request here"),
    rule_row("http-response return", kProxies, 0, -1, bind_return, kDeny, "replace the response by another"),
    rule_row("http-request tarpit", kProxies, 0, -1, bind_tarpit, kDeny, "hold the request, then refuse it"),
    rule_row("http-request reject", kProxies, 0, -1, bind_reject, kIf, "close the connection without an answer"),
    rule_row("http-request silent-drop", kProxies, 0, -1, bind_silent_drop,
             "[ rst-ttl <ttl> ] [ { if | unless } <condition> ]", "drop the connection so that the client is not told"),
    rule_row("http-response silent-drop", kProxies, 0, -1, bind_silent_drop,
             "[ rst-ttl <ttl> ] [ { if | unless } <condition> ]", "drop the connection so that the client is not told"),
    rule_row("block", kProxies, 2, -1, bind_block, "{ if | unless } <condition>",
             "deny requests; replaced by: http-request deny"),
};

}  // namespace

const config::Table kAnswerRuleTable = kRows;

}  // namespace weir::haproxy
