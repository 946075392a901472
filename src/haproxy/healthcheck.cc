// `healthcheck` sections (configuration.txt 12.9): checks that several servers follow by name.
#include <fmt/format.h>

#include "haproxy/bind.h"
#include "haproxy/checks.h"
#include "haproxy/haproxy.h"
#include "haproxy/protocol_checks.h"
#include "haproxy/tables.h"

namespace weir::haproxy {
namespace {

void bind_section(void* s, const Directive& d, const Row&) {
  Scope& scope = scope_of(s);
  const Word& name = d.words[1];
  for (const HealthcheckSection* other : scope.global.healthchecks)
    if (name == other->name)
      scope.error(name.where, fmt::format("another healthcheck section is called '{}'", name.text), {},
                  fmt::format("healthcheck section '{}' already defined.", name.text));
  auto* section = scope.arena.make<HealthcheckSection>();
  section->name = name.text;
  section->where = d.where;
  scope.global.healthchecks.push_back(section);
  scope.healthcheck = section;
  bind_lines(scope, d, kHealthcheck);
  section->program = make_program(scope, section->rules);
  scope.healthcheck = nullptr;
}

// `type X args` is `option X args` of a section.
void bind_type(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  CheckRules& rules = rules_of(scope);
  Words args = args_of(d, row);
  if (rules.type != CheckType::none) {
    scope.error(d.where, "the section has a type already", {}, "healthcheck type already defined.");
    return;
  }
  std::string name = fmt::format("option {}", args[0].text);
  const Row* option = index().find_name(name, kBackend);
  bool known = option && option->bind &&
               (args[0] == Str("tcp-check") || args[0] == Str("httpchk") || is_protocol_check(args[0].text));
  if (!known) {
    scope.error(args[0].where, fmt::format("'{}' is no type of checks", args[0].text),
                "tcp-check, httpchk, ssl-hello-chk, smtpchk, pgsql-check, redis-check, mysql-check, ldap-check or "
                "spop-check",
                fmt::format("unknown healthcheck type '{}'", args[0].text));
    return;
  }
  if ((args[0] != Str("tcp-check") && !rules.tcp.empty()) || (args[0] != Str("httpchk") && !rules.http.empty())) {
    scope.error(args[0].where, fmt::format("rules of another type stand in the section of '{}'", args[0].text));
    return;
  }
  Directive line = d;
  line.words[0].text = "option";
  option->bind(s, line, *option);
}

constexpr Row kRows[] = {
    {"healthcheck", kTop, 1, 1, Block::required, Inherit::none, bind_section, "<name>",
     "a health check that several backends use"},
    {"type", kHealthcheck, 1, -1, Block::none, Inherit::none, bind_type, "<type>", "kind of the health check"},
};

}  // namespace

const config::Table kHealthcheckTable = kRows;

}  // namespace weir::haproxy
