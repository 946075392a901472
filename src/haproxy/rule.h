#pragma once
// What all rule families share: the condition behind an action, the ruleset that a row belongs to, and the step that a rule
// compiles to. A rule's configuration derives from Rule; its step starts with `if (!applies(...)) return Next::next`.
#include "haproxy/exchange.h"
#include "haproxy/scope.h"
#include "proxy/step.h"

namespace weir::haproxy {

using proxy::Cursor;
using proxy::Next;
using proxy::Transaction;

struct Rule {
  const Condition* condition = nullptr;
  bool response = false;  // of a response ruleset
  Ruleset set = Ruleset::request;
};

inline bool applies(const Rule& rule, const expr::Ctx& ctx) {
  return !rule.condition || rule.condition->eval(ctx);
}

// The ruleset named by a row ("http-request …").
Ruleset ruleset_of(const Row& row);
bool is_response(Ruleset set);
// Where the expressions of a rule are evaluated.
const Place& place_of(const Scope& scope, Ruleset set);

// The action's own words, and the condition parsed into `rule`. False after an error.
bool open_rule(Scope& scope, const Directive& d, const Row& row, Rule& rule, Words& args);
// Appends the rule's step to its ruleset.
void add_rule(Scope& scope, const Directive& d, const Rule& rule, proxy::StepFn run);

// A rule of type R in the model's arena, opened; null after an error.
template <class R>
R* new_rule(Scope& scope, const Directive& d, const Row& row, Words& args) {
  R* rule = scope.arena.make<R>();
  return open_rule(scope, d, row, *rule, args) ? rule : nullptr;
}

// Reports words that an action does not take. True when there are none beyond `count`.
bool no_more(Scope& scope, Words args, size_t count, const Row& row);
// At least `count` words in front of the condition.
bool enough(Scope& scope, const Directive& d, Words args, size_t count, const Row& row);

// Notes the rule that runs as the last one that ended a ruleset.
inline void note_final(Transaction& txn, const Cursor& c) {
  const Cursor::Frame& f = c.stack[c.depth];
  exchange(txn).last_rule = &f.segment->steps[f.at].where;
}

// The end of the ruleset that runs: what `allow` and `accept` do.
inline Next leave_ruleset(Transaction& txn, Cursor& c) {
  note_final(txn, c);
  c.target_step = c.stack[c.depth].segment->size;
  return Next::jump;
}

// A rendered header value, with CR, LF and NUL as spaces, so that no rule can be made to write headers of its own.
Str header_text(const LogFormat& format, const expr::Ctx& ctx);

// The same row for several families: `http-request`, `http-response`, `http-after-response`.
constexpr Row rule_row(Str name, ContextMask contexts, int8_t min, int8_t max, config::BindFn bind, Str syntax,
                       Str help) {
  return {name, contexts, min, max, Block::none, Inherit::rules, bind, syntax, help};
}

}  // namespace weir::haproxy
