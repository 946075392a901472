#pragma once
// Steps of the rules that end a ruleset, for the families that have such rules of their own (`stats http-request`). Each
// step's configuration is a Rule, an AnswerRule or an AuthRule.
#include "haproxy/answer.h"
#include "haproxy/rule.h"

namespace weir::haproxy {

struct AnswerRule : Rule {
  const Page* page = nullptr;
};
struct AuthRule : Rule {
  Str realm;  // empty: the proxy's name
};

// Everybody whom the response passes counts that a rule refuses it.
void count_denied_response(const Transaction& txn);

Next run_allow(Transaction& txn, Cursor& c, const void* conf);
Next run_deny(Transaction& txn, Cursor& c, const void* conf);
Next run_auth(Transaction& txn, Cursor& c, const void* conf);
// [rst-ttl N] and a condition.
void bind_dropping(Scope& scope, const Directive& d, const Row& row, proxy::StepFn run);
// [realm R], and nothing behind it. False after an error.
bool take_realm(Scope& scope, Words args, const Row& row, Str& realm);

}  // namespace weir::haproxy
