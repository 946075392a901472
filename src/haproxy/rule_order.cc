// See haproxy/rule_order.h.
#include "haproxy/rule_order.h"

#include <fmt/format.h>

#include "haproxy/bind.h"

namespace weir::haproxy {
namespace {

// Kinds of rules in the order in which they run.
enum RuleKind : uint8_t {
  kConnection,
  kSession,
  kContent,
  kMonitor,
  kRequest,
  kRedirect,
  kBackendChoice,
  kServerChoice,
  kKinds
};
constexpr Str kKindNames[] = {"tcp-request connection",
                              "tcp-request session",
                              "tcp-request content",
                              "monitor fail",
                              "http-request",
                              "redirect",
                              "use_backend",
                              "use-server"};

uint8_t kind_of(const Directive& d) {
  for (uint8_t kind = 0; kind < kKinds; kind++) {
    Str second = kKindNames[kind], first = cut(second, ' ');
    if (d.name() == first && (second.empty() || (d.words.size() > 1 && d.words[1] == second))) return kind;
  }
  return kKinds;
}

void warn_placed_after(Scope& scope, const Directive& d, Str rule, Str other) {
  scope.warning(d.where, fmt::format("this '{}' rule runs before the '{}' rules above it", rule, other),
                "write it in front of them",
                fmt::format("a '{}' rule placed after {} '{}' rule will still be processed before.", rule,
                            other.starts_with("http") ? "an" : "a", other));
}

bool is_http_ruleset(Str name) {
  return name == "http-request" || name == "http-response" || name == "http-after-response";
}

// Whether nothing of the ruleset runs behind this rule.
bool ends_ruleset(const Directive& d) {
  Words args = Words(d.words).subspan(1);
  if (args.empty() || find_condition(args, 1) != args.size()) return false;
  for (Str action : {"allow", "deny", "tarpit", "auth", "return"})
    if (args[0] == action) return true;
  return args[0] == "redirect" &&
         std::none_of(args.begin(), args.end(), [](const Word& w) { return w == "ignore-empty"; });
}

}  // namespace

void check_rule_order(Scope& scope, const Directive& section) {
  bool seen[kKinds] = {}, responses = false;
  std::unordered_map<Str, bool> ended;  // by ruleset: its last rule so far is final
  for (const Directive& d : section.block) {
    uint8_t kind = kind_of(d);
    for (uint8_t later = kind + 1; kind <= kRedirect && later < kKinds; later++) {
      if (!seen[later]) continue;
      warn_placed_after(scope, d, kKindNames[kind], kKindNames[later]);
      break;
    }
    if (kind < kKinds) seen[kind] = true;
    if (responses && d.name() == "tcp-response" && d.words.size() > 1 && d.words[1] == "content")
      warn_placed_after(scope, d, "tcp-response content", "http-response");
    responses |= d.name() == "http-response";
    if (!is_http_ruleset(d.name())) continue;
    bool& final = ended[d.name()];
    if (final)
      scope.warning(
          d.where, fmt::format("never reached: the '{}' rule above ends them all", d.name()), {},
          fmt::format("previous '{}' action is final and has no condition attached, further entries are NOOP.",
                      d.name()));
    final = ends_ruleset(d);
  }
}

}  // namespace weir::haproxy
