// set-priority-class and set-priority-offset: who goes first in the queue for a server (configuration.txt 4.3).
#include "haproxy/bind.h"
#include "haproxy/rule.h"
#include "haproxy/tables.h"

namespace weir::haproxy {
namespace {

struct PriorityRule : Rule {
  const expr::Expr* sample = nullptr;
};

template <void (proxy::Priority::*set)(int64_t)>
Next run_priority(Transaction& txn, Cursor&, const void* conf) {
  auto& rule = *static_cast<const PriorityRule*>(conf);
  expr::Ctx ctx = context_for(txn);
  expr::Value v;
  if (!applies(rule, ctx) || !rule.sample->eval(ctx, v)) return Next::next;
  if (expr::cast(v, expr::Type::integer, txn.arena)) (txn.priority.*set)(v.integer);
  return Next::next;
}

template <void (proxy::Priority::*set)(int64_t)>
void bind_priority(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Words args;
  auto* rule = new_rule<PriorityRule>(scope, d, row, args);
  if (!rule || !enough(scope, d, args, 1, row)) return;
  ParseEnv env = scope.env();
  size_t at = 0;
  rule->sample = parse_sample_words(args, at, env);
  if (rule->sample && require_available(*rule->sample, place_of(scope, rule->set), args[0].where, scope.diag) &&
      no_more(scope, args, at, row))
    add_rule(scope, d, *rule, run_priority<set>);
}

constexpr Str kSample = "<expr> [ { if | unless } <condition> ]";
constexpr Str kClass = "set the class of the request in queues, -2047 to 2047; lower ones go first";
constexpr Str kOffset = "let the request wait as if it had come so many ms later in its class, -524287 to 524287";

constexpr Row kRows[] = {
    rule_row("http-request set-priority-class", kProxies, 1, -1, bind_priority<&proxy::Priority::set_rank>, kSample,
             kClass),
    rule_row("http-request set-priority-offset", kProxies, 1, -1, bind_priority<&proxy::Priority::set_offset>, kSample,
             kOffset),
    rule_row("tcp-request content set-priority-class", kProxies, 1, -1, bind_priority<&proxy::Priority::set_rank>,
             kSample, kClass),
    rule_row("tcp-request content set-priority-offset", kProxies, 1, -1, bind_priority<&proxy::Priority::set_offset>,
             kSample, kOffset),
};

}  // namespace

const config::Table kPriorityRuleTable = kRows;

}  // namespace weir::haproxy
