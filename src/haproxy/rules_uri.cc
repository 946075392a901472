// Rules that change a request's start line: set-method, set-path, set-pathq, set-query, set-uri and the replace- forms.
#include <fmt/format.h>

#include "expr/regex.h"
#include "haproxy/bind.h"
#include "haproxy/request_line.h"
#include "haproxy/rule.h"
#include "haproxy/tables.h"

namespace weir::haproxy {
namespace {

enum class Part : uint8_t { method, path, path_query, query, uri };

struct SetPart : Rule {
  Part part;
  const LogFormat* value;
};

struct ReplacePart : Rule {
  Part part;
  const expr::Regex* regex;
  const LogFormat* value;
};

void set_part(Transaction& txn, Part part, Str value) {
  switch (part) {
    case Part::method: return set_method(txn, value);
    case Part::path: return set_path(txn, value, false);
    case Part::path_query: return set_path(txn, value, true);
    case Part::query: return set_query(txn, value);
    case Part::uri: return set_target(txn, value);
  }
}

Next run_set(Transaction& txn, Cursor&, const void* conf) {
  auto& rule = *static_cast<const SetPart*>(conf);
  expr::Ctx ctx = context_for(txn);
  if (applies(rule, ctx)) set_part(txn, rule.part, render(*rule.value, ctx));
  return Next::next;
}

Str text_of(const Transaction& txn, Part part) {
  if (part == Part::uri) return txn.request.target;
  Str path = txn.request.path;
  return part == Part::path ? path.substr(0, path.find('?')) : path;
}

// The whole part is replaced, also where the expression matches only a piece of it.
Next run_replace(Transaction& txn, Cursor&, const void* conf) {
  auto& rule = *static_cast<const ReplacePart*>(conf);
  expr::Ctx ctx = context_for(txn);
  if (!applies(rule, ctx)) return Next::next;
  Str subject = text_of(txn, rule.part);
  if (!rule.regex->test(subject)) return Next::next;
  std::string text(render(*rule.value, ctx));
  // Matched again: rendering may have used the thread's match object.
  std::string out;
  expr::expand_backrefs(text, rule.regex->match(subject), out);
  set_part(txn, rule.part, txn.arena.dup(out));
  return Next::next;
}

Part part_of(const Row& row) {
  if (row.name.ends_with("method")) return Part::method;
  if (row.name.ends_with("pathq")) return Part::path_query;
  if (row.name.ends_with("path")) return Part::path;
  if (row.name.ends_with("query")) return Part::query;
  return Part::uri;
}

void bind_set(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Words args;
  auto* rule = new_rule<SetPart>(scope, d, row, args);
  if (!rule || !enough(scope, d, args, 1, row) || !no_more(scope, args, 1, row)) return;
  rule->part = part_of(row);
  ParseEnv env = scope.env();
  rule->value = compile_log_format(args[0], FormatUse::header, place_of(scope, rule->set), env);
  if (rule->value) add_rule(scope, d, *rule, run_set);
}

void bind_replace(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Words args;
  auto* rule = new_rule<ReplacePart>(scope, d, row, args);
  if (!rule || !enough(scope, d, args, 2, row) || !no_more(scope, args, 2, row)) return;
  rule->part = part_of(row);
  std::string problem;
  rule->regex = expr::Regex::compile(scope.arena, args[0].text, expr::Regex::kNone, problem);
  if (!rule->regex)
    scope.error(args[0].where, fmt::format("the regular expression does not compile: {}", problem), {},
                fmt::format("failed to parse the regex : {}", problem));
  ParseEnv env = scope.env();
  rule->value = compile_log_format(args[1], FormatUse::header, place_of(scope, rule->set), env);
  if (rule->regex && rule->value) add_rule(scope, d, *rule, run_replace);
}

constexpr Str kSet = "<fmt> [ { if | unless } <condition> ]";
constexpr Str kReplace = "<match-regex> <replace-fmt> [ { if | unless } <condition> ]";

constexpr Row kRows[] = {
    rule_row("http-request set-method", kProxies, 1, -1, bind_set, kSet, "set the request method"),
    rule_row("http-request set-path", kProxies, 1, -1, bind_set, kSet, "set the request path, keeping the query"),
    rule_row("http-request set-pathq", kProxies, 1, -1, bind_set, kSet, "set the request path with its query"),
    rule_row("http-request set-query", kProxies, 1, -1, bind_set, kSet, "set the request's query string"),
    rule_row("http-request set-uri", kProxies, 1, -1, bind_set, kSet, "set the whole request target"),
    rule_row("http-request replace-path", kProxies, 2, -1, bind_replace, kReplace, "rewrite the path by expression"),
    rule_row("http-request replace-pathq", kProxies, 2, -1, bind_replace, kReplace,
             "rewrite the path with its query by expression"),
    rule_row("http-request replace-uri", kProxies, 2, -1, bind_replace, kReplace,
             "rewrite the whole request target by expression"),
};

}  // namespace

const config::Table kUriRuleTable = kRows;

}  // namespace weir::haproxy
