// See haproxy/check.h.
#include "haproxy/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace weir::haproxy {
namespace {

bool missing_timeouts(const Proxy& p) {
  const Timeouts& t = p.s.timeouts;
  if (p.is_front() && t.client == kForever) return true;
  if (!p.is_back() || p.servers.empty()) return false;
  return t.connect == kForever || (t.server == kForever && (p.http() || t.tunnel == kForever));
}

void check_rules(Scope& scope, const Proxy& p) {
  if (p.http()) return;
  for (Ruleset set : {Ruleset::request, Ruleset::response, Ruleset::after}) {
    const auto& rules = p.rules[static_cast<size_t>(set)];
    if (rules.empty()) continue;
    Str name = set == Ruleset::request    ? "http-request"
               : set == Ruleset::response ? "http-response"
                                          : "http-after-response";
    scope.warning(
        rules[0].where, fmt::format("'{}' rules do nothing in '{}', whose mode is tcp", name, p.name),
        "write: mode http",
        fmt::format("'{}' rules ignored for {} '{}' as they require HTTP mode.", name, kind_name(p.kind), p.name));
  }
}

// What looks at bytes before they are parsed finds none where requests are read.
void check_bytes(Scope& scope, const Proxy& p) {
  if (!p.http()) return;
  std::vector<const AclExpr*> told;
  for (const Condition* c : p.acls.conditions())
    for (const auto& suite : c->suites)
      for (const Condition::Term& t : suite)
        for (const AclExpr& e : t.acl->exprs) {
          if (!(e.sample->needs & (expr::kRequestBytes | expr::kResponseBytes))) continue;
          if (std::find(told.begin(), told.end(), &e) != told.end()) continue;
          told.push_back(&e);
          const bool names_host = e.keyword.ends_with("ssl_sni");
          scope.warning(e.where, fmt::format("'{}' says nothing in '{}', whose mode is http", e.keyword, p.name),
                        names_host ? "use ssl_fc_sni where TLS ends here, or write: mode tcp" : "write: mode tcp",
                        fmt::format("Proxy '{}': L6 sample fetches ignored on HTTP proxies (declared at {}:{}).",
                                    p.name, c->where.source ? c->where.source->path : std::string(), c->where.line));
        }
}

void check_unused_checks(Scope& scope, const Proxy& p) {
  if (!p.is_back()) return;
  const CheckRules& rules = p.s.checks;
  auto unused = [&](const ArenaList<CheckRule*>& list, bool own, CheckType type, Str family, Str option) {
    if (!own || list.empty() || rules.type == type) return;
    scope.warning(list[0]->where, fmt::format("'{}' lines do nothing without '{}'", family, option),
                  fmt::format("write: {}", option),
                  fmt::format("{} '{}' uses {} rules without '{}', so the rules are ignored.", kind_name(p.kind),
                              p.name, family, option));
  };
  unused(rules.http, rules.own_http, CheckType::http, "http-check", "option httpchk");
  unused(rules.tcp, rules.own_tcp, CheckType::tcp, "tcp-check", "option tcp-check");
}

void check_log_target(Scope& scope, const Proxy& p) {
  if (!p.is_front() || !p.targets.empty() || (!p.log_format && !p.log_format_sd)) return;
  const Settings& s = p.s;
  const Where& where = !s.log_format.text.empty()      ? s.log_format.where
                       : s.log_style != LogStyle::none ? s.log_style_where
                                                       : s.log_format_sd.where;
  scope.warning(where, fmt::format("'{}' has a format for its log and no log line", p.name), "write: log global",
                fmt::format("log format ignored for {} '{}' since it has no log address.", kind_name(p.kind), p.name));
}

}  // namespace

void check_proxy(Scope& scope, const Proxy& p) {
  if (p.s.disabled || p.s.mode == Mode::log) return;
  if (p.is_front() && p.listeners.empty() && !scope.diag.failed())
    scope.warning(p.where, fmt::format("'{}' listens nowhere", p.name), "add a bind line, or make it a backend",
                  fmt::format("{} '{}' has no 'bind' directive. Please declare it as a backend if this was intended.",
                              kind_name(p.kind), p.name));
  if (missing_timeouts(p))
    scope.warning(p.where, fmt::format("timeouts are missing in '{}'", p.name),
                  "set timeout client, timeout connect and timeout server",
                  fmt::format("missing timeouts for {} '{}'.\n"
                              "   | While not properly invalid, you will certainly encounter various problems\n"
                              "   | with such a configuration. To fix this, please ensure that all following\n"
                              "   | timeouts are set to a non-zero value: 'client', 'connect', 'server'.",
                              kind_name(p.kind), p.name));
  if (p.kind == Kind::listen && !p.fallback.name.empty() && !p.servers.empty())
    scope.warning(p.s.default_backend_where,
                  fmt::format("the servers of '{}' are never used: default_backend goes first", p.name), {},
                  fmt::format("In proxy '{}', the 'default_backend' rule always has precedence over the servers, which "
                              "will never be used.",
                              p.name));
  check_rules(scope, p);
  check_bytes(scope, p);
  check_unused_checks(scope, p);
  check_log_target(scope, p);
}

}  // namespace weir::haproxy
