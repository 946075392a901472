// See haproxy/check.h.
#include "haproxy/check.h"

#include <fmt/format.h>

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
}

}  // namespace weir::haproxy
