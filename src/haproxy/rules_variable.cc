// set-var, set-var-fmt and unset-var of all rule families (configuration.txt 2.8).
#include <fmt/format.h>

#include "expr/variables.h"
#include "haproxy/bind.h"
#include "haproxy/rule.h"
#include "haproxy/rules_variable.h"
#include "haproxy/tables.h"

namespace weir::haproxy {
namespace {

struct SetVariable : Rule {
  const expr::Variable* variable = nullptr;
  uint8_t conditions = 0;
  const expr::Expr* sample = nullptr;
  const LogFormat* format = nullptr;
};

Next run_set(Transaction& txn, Cursor&, const void* conf) {
  auto& rule = *static_cast<const SetVariable*>(conf);
  expr::Ctx ctx = context_for(txn, rule.response);
  if (!applies(rule, ctx)) return Next::next;
  expr::Value value;
  if (rule.format)
    value = expr::Value::of(render(*rule.format, ctx));
  else if (!rule.sample->eval(ctx, value))
    return Next::next;
  expr::set_variable(ctx, *rule.variable, value, rule.conditions);
  return Next::next;
}

Next run_unset(Transaction& txn, Cursor&, const void* conf) {
  auto& rule = *static_cast<const SetVariable*>(conf);
  expr::Ctx ctx = context_for(txn, rule.response);
  if (applies(rule, ctx)) expr::unset_variable(ctx, *rule.variable);
  return Next::next;
}

// The word that carries the variable in parentheses: the last one of the row's name.
const Word& action_word(const Directive& d, const Row& row) {
  return d.words[static_cast<size_t>(std::count(row.name.begin(), row.name.end(), ' '))];
}

// `(name[,cond…])` of the action. False after an error.
bool read_variable(Scope& scope, const Word& action, SetVariable& rule) {
  Str text = action.text;
  size_t open = text.find('(');
  if (open == Str::npos || !text.ends_with(')')) {
    scope.error(
        action.where, fmt::format("'{}' lacks the variable in parentheses", text), "write: set-var(txn.name)",
        fmt::format("invalid or incomplete action '{}'. Expects 'set-var(<var-name>)', 'set-var-fmt(<var-name>)' or "
                    "'unset-var(<var-name>)'",
                    text));
    return false;
  }
  Str inside = text.substr(open + 1, text.size() - open - 2);
  Str name = cut(inside, ',');
  std::string problem;
  rule.variable = expr::intern_variable(name, problem);
  if (!rule.variable) {
    scope.error(at_byte(action, open + 1, name.size()), problem,
                "names are proc.X, sess.X, txn.X, req.X, res.X or check.X");
    return false;
  }
  while (!inside.empty()) {
    Str word = cut(inside, ',');
    uint8_t bit = expr::set_condition(word);
    if (!bit) {
      scope.error(action.where, fmt::format("'{}' is not a condition of set-var", word),
                  "ifexists, ifnotexists, ifempty, ifnotempty, ifset, ifnotset, ifgt, iflt");
      return false;
    }
    rule.conditions |= bit;
  }
  return true;
}

void bind_set_var(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Words args;
  auto* rule = new_rule<SetVariable>(scope, d, row, args);
  if (!rule || !enough(scope, d, args, 1, row) || !read_variable(scope, action_word(d, row), *rule)) return;
  ParseEnv env = scope.env();
  const Place& place = place_of(scope, rule->set);
  size_t at = 0;
  if (row.name.ends_with("-fmt")) {
    rule->format = compile_log_format(args[0], FormatUse::text, place, env);
    at = 1;
  } else {
    rule->sample = parse_sample_words(args, at, env);
    if (rule->sample && !require_available(*rule->sample, place, args[0].where, scope.diag)) return;
  }
  if ((rule->format || rule->sample) && no_more(scope, args, at, row)) add_rule(scope, d, *rule, run_set);
}

void bind_unset_var(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Words args;
  auto* rule = new_rule<SetVariable>(scope, d, row, args);
  if (rule && no_more(scope, args, 0, row) && read_variable(scope, action_word(d, row), *rule))
    add_rule(scope, d, *rule, run_unset);
}

// Evaluates the words of an expression, or one word that is a format, from words[0] on. False: reported, or there is no value.
bool evaluate(Words words, bool is_format, ParseEnv& env, expr::Value& value) {
  expr::Ctx ctx;
  ctx.arena = &env.arena;
  if (is_format) {
    const LogFormat* format = compile_log_format(words[0], FormatUse::text, kAtConfig, env);
    if (format) value = expr::Value::of(render(*format, ctx));
    return format != nullptr;
  }
  size_t at = 0;
  const expr::Expr* sample = parse_sample_words(words, at, env);
  return sample && require_available(*sample, kAtConfig, words[0].where, env.diag) && sample->eval(ctx, value);
}

// `set-var` of the global section: process-wide variables are set at start.
void bind_global_set_var(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Words args = args_of(d, row);
  std::string problem;
  const expr::Variable* variable = expr::intern_variable(args[0].text, problem);
  if (!variable || variable->scope != expr::Scope::proc) {
    scope.error(args[0].where, variable ? std::string("only proc. variables can be set here") : problem, {},
                fmt::format("'{}': only 'proc.' variables may be set from the 'global' section.", args[0].text));
    return;
  }
  ParseEnv env = scope.env();
  expr::Value value;
  if (evaluate(args.subspan(1), row.name == "set-var-fmt", env, value)) expr::set_proc_variable(*variable, value);
}

constexpr Str kSet = "(<var-name>[,<cond>...]) <expr> [ { if | unless } <condition> ]";
constexpr Str kFmt = "(<var-name>[,<cond>...]) <fmt> [ { if | unless } <condition> ]";
constexpr Str kUnset = "(<var-name>) [ { if | unless } <condition> ]";
constexpr Str kHelpSet = "set a variable to the value of an expression";
constexpr Str kHelpFmt = "set a variable to a formatted string";
constexpr Str kHelpUnset = "remove a variable";

constexpr Row kRows[] = {
    rule_row("http-request set-var", kProxies, 1, -1, bind_set_var, kSet, kHelpSet),
    rule_row("http-response set-var", kProxies, 1, -1, bind_set_var, kSet, kHelpSet),
    rule_row("http-after-response set-var", kProxies, 1, -1, bind_set_var, kSet, kHelpSet),
    rule_row("tcp-request connection set-var", kFrontends, 1, -1, bind_set_var, kSet, kHelpSet),
    rule_row("tcp-request session set-var", kFrontends, 1, -1, bind_set_var, kSet, kHelpSet),
    rule_row("tcp-request content set-var", kProxies, 1, -1, bind_set_var, kSet, kHelpSet),
    rule_row("tcp-response content set-var", kBackends, 1, -1, bind_set_var, kSet, kHelpSet),
    rule_row("http-request set-var-fmt", kProxies, 1, -1, bind_set_var, kFmt, kHelpFmt),
    rule_row("http-response set-var-fmt", kProxies, 1, -1, bind_set_var, kFmt, kHelpFmt),
    rule_row("http-after-response set-var-fmt", kProxies, 1, -1, bind_set_var, kFmt, kHelpFmt),
    rule_row("tcp-request connection set-var-fmt", kFrontends, 1, -1, bind_set_var, kFmt, kHelpFmt),
    rule_row("tcp-request session set-var-fmt", kFrontends, 1, -1, bind_set_var, kFmt, kHelpFmt),
    rule_row("tcp-request content set-var-fmt", kProxies, 1, -1, bind_set_var, kFmt, kHelpFmt),
    rule_row("tcp-response content set-var-fmt", kBackends, 1, -1, bind_set_var, kFmt, kHelpFmt),
    rule_row("http-request unset-var", kProxies, 0, -1, bind_unset_var, kUnset, kHelpUnset),
    rule_row("http-response unset-var", kProxies, 0, -1, bind_unset_var, kUnset, kHelpUnset),
    rule_row("http-after-response unset-var", kProxies, 0, -1, bind_unset_var, kUnset, kHelpUnset),
    rule_row("tcp-request connection unset-var", kFrontends, 0, -1, bind_unset_var, kUnset, kHelpUnset),
    rule_row("tcp-request session unset-var", kFrontends, 0, -1, bind_unset_var, kUnset, kHelpUnset),
    rule_row("tcp-request content unset-var", kProxies, 0, -1, bind_unset_var, kUnset, kHelpUnset),
    rule_row("tcp-response content unset-var", kBackends, 0, -1, bind_unset_var, kUnset, kHelpUnset),
    {"set-var", kGlobal, 2, -1, Block::none, Inherit::none, bind_global_set_var, "<var-name> <expr>",
     "set a process-wide variable to the value of an expression at start"},
    {"set-var-fmt", kGlobal, 2, 2, Block::none, Inherit::none, bind_global_set_var, "<var-name> <fmt>",
     "set a process-wide variable to a formatted string at start"},
};

}  // namespace

std::string set_process_variable(Str name, const std::vector<std::string>& words, bool format) {
  std::string problem;
  const expr::Variable* variable = expr::intern_variable(name, problem);
  if (!variable) return problem;
  if (variable->scope != expr::Scope::proc) return "Only process-wide variables can be set.";
  Arena arena;
  config::Diagnostics diag;
  ParseEnv env{arena, diag};
  std::vector<Word> list;
  for (const std::string& w : words) list.push_back({w, {}, {}});
  expr::Value value;
  if (evaluate(list, format, env, value)) {
    expr::set_proc_variable(*variable, value);
    return {};
  }
  return diag.all().empty() ? std::string("The expression has no value.") : diag.all()[0].text;
}

const config::Table kVariableRuleTable = kRows;

}  // namespace weir::haproxy
