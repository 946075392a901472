// do-resolve: the address of a name into a variable, while the request waits (configuration.txt 4.3).
#include <fmt/format.h>

#include "expr/variables.h"
#include "haproxy/bind.h"
#include "haproxy/resolvers.h"
#include "haproxy/rule.h"
#include "haproxy/tables.h"

namespace weir::haproxy {
namespace {

struct ResolveRule : Rule {
  const expr::Variable* variable = nullptr;
  const expr::Expr* sample = nullptr;
  Word section;
  const Resolvers* resolvers = nullptr;  // once all sections are there
  uint8_t prefer = AF_INET6;
};

void store(const ResolveRule& rule, const expr::Ctx& ctx, const proxy::Found& found) {
  const net::Addr* best = nullptr;
  for (const net::DnsRecord& r : found.records)
    if (!best || (best->family != rule.prefer && r.addr.family == rule.prefer)) best = &r.addr;
  if (!best) return;
  expr::Value value;
  value.type = best->family == AF_INET ? expr::Type::ipv4 : expr::Type::ipv6;
  if (best->family == AF_INET)
    value.v4 = best->v4;
  else
    value.v6 = best->v6;
  expr::set_variable(ctx, *rule.variable, value, 0);
}

Next run_resolve(Transaction& txn, Cursor& c, const void* conf) {
  auto& rule = *static_cast<const ResolveRule*>(conf);
  expr::Ctx ctx = context_for(txn);
  if (c.resumed) {
    const auto* wait = static_cast<const proxy::NameWait*>(c.state);
    if (wait->found()) store(rule, ctx, *wait->found());
    return Next::next;
  }
  expr::Value v;
  if (!rule.resolvers || !applies(rule, ctx) || !rule.sample->eval(ctx, v)) return Next::next;
  if (!expr::cast(v, expr::Type::string, txn.arena) || v.str.empty()) return Next::next;
  const std::string name(v.str);
  proxy::Names& names = *rule.resolvers->names;
  if (proxy::FoundPtr found = names.known(name, txn.shard.loop.now())) {
    store(rule, ctx, *found);
    return Next::next;
  }
  const proxy::NameRules& rules = names.rules();
  const auto patience = rules.options.timeout_ms * static_cast<uint32_t>(rules.tries + 1);
  c.state = proxy::NameWait::start(txn, c, names, name, patience);
  return Next::wait;
}

// `(<var>,<resolvers>[,ipv4|ipv6])`.
bool read_arguments(Scope& scope, const Word& action, ResolveRule& rule) {
  Str text = action.text;
  const size_t open = text.find('(');
  Str inside = open == Str::npos ? Str() : text.substr(open + 1);
  const bool closed = inside.ends_with(')');
  if (closed) inside.remove_suffix(1);
  Str name = cut(inside, ','), section = cut(inside, ','), family = cut(inside, ',');
  if (!closed || name.empty() || section.empty() || !(family.empty() || family == "ipv4" || family == "ipv6")) {
    scope.error(
        action.where, fmt::format("'{}' does not say what and where", text),
        "write: do-resolve(txn.address,dns,ipv4) hdr(host),lower",
        "Can't parse argument of 'do-resolve'. Expects 'do-resolve(<varname>,<resolvers>[,<options>]) <expr>'.");
    return false;
  }
  std::string problem;
  rule.variable = expr::intern_variable(name, problem);
  if (!rule.variable) {
    scope.error(at_byte(action, open + 1, name.size()), problem, "names are proc.X, sess.X, txn.X, req.X, res.X");
    return false;
  }
  rule.section = action;
  rule.section.text = section;
  if (family == "ipv4") rule.prefer = AF_INET;
  return true;
}

void bind_resolve(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Words args;
  auto* rule = new_rule<ResolveRule>(scope, d, row, args);
  const Word& action = d.words[static_cast<size_t>(std::count(row.name.begin(), row.name.end(), ' '))];
  if (!rule || !enough(scope, d, args, 1, row) || !read_arguments(scope, action, *rule)) return;
  ParseEnv env = scope.env();
  size_t at = 0;
  rule->sample = parse_sample_words(args, at, env);
  if (!rule->sample || !require_available(*rule->sample, place_of(scope, rule->set), args[0].where, scope.diag) ||
      !no_more(scope, args, at, row))
    return;
  scope.global.wanted_resolvers.push_back({rule->section, &rule->resolvers});
  add_rule(scope, d, *rule, run_resolve);
}

constexpr Str kSyntax = "(<var>,<resolvers>[,ipv4|ipv6]) <expr> [ { if | unless } <condition> ]";
constexpr Str kHelp = "look the address of a name up with a resolvers section, into a variable";

constexpr Row kRows[] = {
    rule_row("http-request do-resolve", kProxies, 1, -1, bind_resolve, kSyntax, kHelp),
    rule_row("tcp-request content do-resolve", kProxies, 1, -1, bind_resolve, kSyntax, kHelp),
};

}  // namespace

const config::Table kResolveRuleTable = kRows;

}  // namespace weir::haproxy
