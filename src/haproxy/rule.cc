// See haproxy/rule.h.
#include "haproxy/rule.h"

#include <fmt/format.h>

#include "haproxy/bind.h"

namespace weir::haproxy {

Ruleset ruleset_of(const Row& row) {
  if (row.name.starts_with("http-request")) return Ruleset::request;
  if (row.name.starts_with("http-response")) return Ruleset::response;
  if (row.name.starts_with("http-after-response")) return Ruleset::after;
  if (row.name.starts_with("tcp-request connection")) return Ruleset::connection;
  if (row.name.starts_with("tcp-request session")) return Ruleset::session;
  if (row.name.starts_with("tcp-response")) return Ruleset::response_content;
  return Ruleset::content;
}

bool is_response(Ruleset set) {
  return set == Ruleset::response || set == Ruleset::after || set == Ruleset::response_content;
}

const Place& place_of(const Scope& scope, Ruleset set) {
  bool back = scope.proxy && scope.proxy->kind == Kind::backend;
  switch (set) {
    case Ruleset::connection: return kAtConnection;
    case Ruleset::session: return kAtSession;
    case Ruleset::content: return back ? kAtBackendContent : kAtFrontendContent;
    case Ruleset::response_content: return kAtBackendResponseContent;
    case Ruleset::request: return back ? kAtBackendRequest : kAtFrontendRequest;
    case Ruleset::response:
    case Ruleset::after: return back ? kAtBackendResponse : kAtFrontendResponse;
    case Ruleset::count_: break;
  }
  return kAnyPlace;
}

bool open_rule(Scope& scope, const Directive& d, const Row& row, Rule& rule, Words& args) {
  // Rules of an unnamed defaults section would silently reach everything behind it: HAProxy refuses them.
  if (scope.proxy->kind == Kind::defaults && scope.proxy->name.empty()) {
    scope.error(d.where, fmt::format("'{}' rules need a defaults section that has a name", d.name()),
                "give the defaults section a name and write `from NAME` behind the sections that use it",
                fmt::format("'{}' not allowed in anonymous 'defaults' section.", d.name()));
    return false;
  }
  rule.set = ruleset_of(row);
  rule.response = is_response(rule.set);
  Words all = args_of(d, row);
  size_t at = find_condition(all, 0);
  args = all.subspan(0, at);
  if (at == all.size()) return true;
  ParseEnv env = scope.env();
  rule.condition = scope.proxy->acls.condition(all.subspan(at), place_of(scope, rule.set), env);
  return rule.condition != nullptr;
}

void add_rule(Scope& scope, const Directive& d, const Rule& rule, proxy::StepFn run) {
  scope.proxy->rule_list(rule.set).push(scope.arena, proxy::Step{run, &rule, d.where});
}

Str header_text(const LogFormat& format, const expr::Ctx& ctx) {
  Str value = render(format, ctx);
  if (format.constant || value.find_first_of(Str("\r\n\0", 3)) == Str::npos) return value;
  Str copy = ctx.arena->dup(value);
  for (char* c = const_cast<char*>(copy.data()); c != copy.data() + copy.size(); c++)
    if (*c == '\r' || *c == '\n' || *c == '\0') *c = ' ';
  return copy;
}

bool no_more(Scope& scope, Words args, size_t count, const Row& row) {
  if (args.size() <= count) return true;
  scope.error(args[count].where, fmt::format("'{}' is not expected here", args[count].text),
              fmt::format("write: {} {}", row.name, row.syntax),
              fmt::format("error detected while parsing '{}' rule : expects 'if', 'unless' or nothing, but found '{}'",
                          row.name, args[count].text));
  return false;
}

bool enough(Scope& scope, const Directive& d, Words args, size_t count, const Row& row) {
  if (args.size() >= count) return true;
  scope.error(d.where, fmt::format("'{}' lacks arguments", row.name),
              fmt::format("write: {} {}", row.name, row.syntax));
  return false;
}

}  // namespace weir::haproxy
