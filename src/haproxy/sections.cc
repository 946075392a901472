// Sections: what `global`, `defaults`, `frontend`, `backend`, `listen`, `http-errors` and `userlist` open, and how a proxy
// starts from its defaults (configuration.txt 4).
#include <fmt/format.h>

#include "haproxy/bind.h"
#include "haproxy/rule_order.h"
#include "haproxy/tables.h"
#include "haproxy/userlist.h"

namespace weir::haproxy {
namespace {

ContextMask context_of(Kind kind) {
  switch (kind) {
    case Kind::defaults: return kDefaults;
    case Kind::frontend: return kFrontend;
    case Kind::backend: return kBackend;
    case Kind::listen: return kListen;
  }
  return 0;
}

// Two proxies share the list's memory from here on: whoever adds first takes a copy.
template <class T>
void share(ArenaList<T>& list) {
  list.capacity = list.size;
}

void inherit(Proxy& p, const Proxy& from) {
  p.s = from.s;
  p.from = &from;
  share(p.s.retry_status);
  share(p.s.errors);
  share(p.s.logs);
  share(p.s.compress_types);
  share(p.s.compress_codings);
  p.default_server.options = from.default_server.options;
  share(p.default_server.options.tls.certificates);
  share(p.default_server.options.proxy_tlvs);
  inherit_checks(p.s.checks);
  for (size_t i = 0; i < kRulesets; i++) {
    p.rules[i] = from.rules[i];
    share(p.rules[i]);
  }
}

// Rules of a defaults section fit one kind of section only (configuration.txt 4, defaults).
void check_heir(Scope& scope, const Directive& d, const Proxy& p, Proxy& from) {
  size_t rules = 0;
  for (const auto& list : from.rules) rules += list.size;
  if (!rules) return;
  bool accepts = from.has_rules(Ruleset::connection) || from.has_rules(Ruleset::session);
  std::string problem;
  if (p.kind == Kind::defaults)
    problem = "a defaults section cannot inherit from a defaults section defining TCP/HTTP rules";
  else if (p.kind == Kind::listen)
    problem = "a listen section cannot inherit from a defaults section defining TCP/HTTP rules";
  else if (from.heirs != Kind::defaults && from.heirs != p.kind)
    problem = "frontends and backends cannot inherit from the same defaults section if it defines TCP/HTTP rules";
  else if (p.kind == Kind::backend && accepts)
    problem =
        "a backend section cannot inherit from a defaults section defining 'tcp-request connection' or "
        "'tcp-request session' rules";
  else if (p.kind == Kind::frontend && from.has_rules(Ruleset::response_content))
    problem = "a frontend section cannot inherit from a defaults section defining 'tcp-response content' rules";
  from.heirs = p.kind;
  if (problem.empty()) return;
  Str path = from.where.source ? Str(from.where.source->path) : Str();
  scope.error(
      d.where, problem,
      fmt::format("the rules are those of {}:{}: give them a defaults section of their own", path, from.where.line),
      fmt::format("{} (defaults section at {}:{})", problem, path, from.where.line));
}

bool valid_name(Scope& scope, const Word& word) {
  for (size_t i = 0; i < word.text.size(); i++) {
    char c = word.text[i];
    if (is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z') || Str("-_.:").find(c) != Str::npos) continue;
    scope.error(at_byte(word, i, 1), fmt::format("the character '{}' is not allowed in a name", c),
                "letters, digits, '-', '_', '.' and ':'",
                fmt::format("character '{}' is not permitted in '{}' name '{}'.", c,
                            scope.section ? scope.section->name() : Str("proxy"), word.text));
    return false;
  }
  return true;
}

Proxy* find_defaults(Scope& scope, Str name) {
  for (Proxy* p : scope.global.all_defaults)
    if (p->name == name) return p;
  return nullptr;
}

// `[from NAME]` behind the section's name; what is left is not expected.
void take_from(Scope& scope, const Directive& d, size_t at, Proxy& p) {
  if (at < d.words.size() && d.words[at] == "from") {
    if (at + 1 >= d.words.size()) {
      scope.error(d.words[at].where, "'from' lacks the name of a defaults section");
      return;
    }
    const Word& name = d.words[at + 1];
    if (Proxy* from = find_defaults(scope, name.text)) {
      check_heir(scope, d, p, *from);
      inherit(p, *from);
    } else {
      std::vector<Str> names;
      for (Proxy* known : scope.global.all_defaults) names.push_back(known->name);
      Str near = config::nearest(name.text, names);
      scope.error(name.where, fmt::format("there is no defaults section '{}'", name.text),
                  near.empty() ? std::string() : fmt::format("did you mean '{}'?", near),
                  fmt::format("defaults section '{}' not found for {} '{}'.", name.text, d.name(), p.name));
    }
    at += 2;
  } else if (scope.defaults) {
    check_heir(scope, d, p, *scope.defaults);
    inherit(p, *scope.defaults);
  }
  if (at < d.words.size())
    scope.error(d.words[at].where, fmt::format("'{}' is not expected behind the name", d.words[at].text), {},
                fmt::format("cannot handle unexpected argument '{}'.", d.words[at].text));
}

void check_duplicate(Scope& scope, const Word& name, const Proxy& p) {
  const Proxy* other = p.is_front() ? scope.global.find_proxy(p.name, true) : nullptr;
  if (!other && p.is_back()) other = scope.global.find_proxy(p.name, false);
  if (!other) return;
  scope.error(name.where,
              fmt::format("the name '{}' is taken by the {} at {}:{}", p.name, kind_name(other->kind),
                          other->where.source ? other->where.source->path : "", other->where.line),
              {},
              fmt::format("{} '{}' has the same name as {} '{}' declared at {}:{}.", kind_name(p.kind), p.name,
                          kind_name(other->kind), other->name, other->where.source ? other->where.source->path : "",
                          other->where.line));
}

void bind_lines_of(Scope& scope, const Directive& d, Proxy& p) {
  scope.proxy = &p;
  bind_lines(scope, d, context_of(p.kind));
  check_rule_order(scope, d);
  scope.proxy = nullptr;
}

void bind_global(void* s, const Directive& d, const Row&) {
  bind_lines(scope_of(s), d, kGlobal);
}

void bind_defaults(void* s, const Directive& d, const Row&) {
  Scope& scope = scope_of(s);
  auto* p = scope.arena.own<Proxy>();
  p->kind = Kind::defaults;
  p->where = d.where;
  p->s.maxconn = static_cast<uint32_t>(scope.options.proxy_max_conns);
  size_t at = 1;
  if (d.words.size() > 1 && d.words[1] != Str("from")) {
    p->name = d.words[1].text;
    valid_name(scope, d.words[1]);
    at = 2;
  }
  scope.defaults = nullptr;  // a defaults section starts from nothing unless it says from whom
  take_from(scope, d, at, *p);
  if (!p->name.empty() && find_defaults(scope, p->name))
    scope.warning(d.words[1].where,
                  fmt::format("another defaults section is called '{}'; the later one counts", p->name));
  bind_lines_of(scope, d, *p);
  scope.defaults = p;
  scope.global.all_defaults.insert(scope.global.all_defaults.begin(), p);
}

void bind_proxy(void* s, const Directive& d, const Row&) {
  Scope& scope = scope_of(s);
  auto* p = scope.arena.own<Proxy>();
  p->kind = d.name() == "frontend" ? Kind::frontend : d.name() == "backend" ? Kind::backend : Kind::listen;
  p->name = d.words[1].text;
  p->where = d.where;
  p->s.maxconn = static_cast<uint32_t>(scope.options.proxy_max_conns);
  valid_name(scope, d.words[1]);
  check_duplicate(scope, d.words[1], *p);
  // Before 1.5, `listen NAME ADDRESS` was a bind line of its own.
  Directive old_bind;
  size_t at = 2;
  if (p->is_front() && d.words.size() > 2 && d.words[2] != Str("from")) {
    old_bind = {d.words, {}, false, d.dialect, d.words[2].where, false, false};
    old_bind.words.erase(old_bind.words.begin(), old_bind.words.begin() + 1);
    old_bind.words[0].text = "bind";
    scope.warning(d.words[2].where, fmt::format("an address behind the name of a {} section is an old form", d.name()),
                  fmt::format("write it on a line of its own: bind {}", d.words[2].text));
    at = d.words.size();
  }
  take_from(scope, d, at, *p);
  scope.global.add_proxy(p);
  scope.proxy = p;
  if (!old_bind.words.empty()) {
    scope.context = context_of(p->kind);
    scope.section = &d;
    bind_directive(scope, old_bind);
    scope.section = nullptr;
    scope.context = kTop;
  }
  bind_lines_of(scope, d, *p);
}

void bind_http_errors(void* s, const Directive& d, const Row&) {
  Scope& scope = scope_of(s);
  auto* section = scope.arena.own<HttpErrors>();
  section->name = d.words[1].text;
  if (scope.global.find_errors(section->name))
    scope.error(d.words[1].where, fmt::format("another http-errors section is called '{}'", section->name));
  scope.global.http_errors.push_back(section);
  scope.http_errors = section;
  bind_lines(scope, d, kHttpErrors);
  scope.http_errors = nullptr;
}

void bind_userlist(void* s, const Directive& d, const Row&) {
  Scope& scope = scope_of(s);
  auto* list = scope.arena.own<UserList>();
  list->name = d.words[1].text;
  scope.global.user_lists.push_back(list);
  scope.users = list;
  bind_lines(scope, d, kUserlist);
  check_members(scope, d);
  scope.users = nullptr;
}

// Sections whose contents are of later work: the section is named once, its words are checked against the tables.
template <ContextMask context>
void bind_planned_section(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  scope.planned(d.where, row.name);
  bind_lines(scope, d, context);
}

constexpr Row kRows[] = {
    {"global", kTop, 0, 0, Block::required, Inherit::none, bind_global, "", "process-wide settings"},
    {"defaults", kTop, 0, 3, Block::required, Inherit::none, bind_defaults, "[<name>] [ from <defaults_name> ]",
     "settings that the proxies behind it start with"},
    {"frontend", kTop, 1, -1, Block::required, Inherit::none, bind_proxy, "<name> [ from <defaults_name> ]",
     "accepts connections and chooses a backend"},
    {"backend", kTop, 1, 3, Block::required, Inherit::none, bind_proxy, "<name> [ from <defaults_name> ]",
     "servers that requests are passed to"},
    {"listen", kTop, 1, -1, Block::required, Inherit::none, bind_proxy, "<name> [ from <defaults_name> ]",
     "frontend and backend in one"},
    {"http-errors", kTop, 1, 1, Block::required, Inherit::none, bind_http_errors, "<name>", "a group of error answers"},
    {"userlist", kTop, 1, 1, Block::required, Inherit::none, bind_userlist, "<listname>", "users with their passwords"},
    {"mailers", kTop, 1, 1, Block::required, Inherit::none, bind_planned_section<kMailers>, "<mailersect>",
     "mail servers for alerts"},
    {"cache", kTop, 1, 1, Block::required, Inherit::none, bind_planned_section<kCache>, "<name>",
     "a cache of small responses"},
    {"fcgi-app", kTop, 1, 1, Block::required, Inherit::none, bind_planned_section<kFcgiApp>, "<name>",
     "a FastCGI application"},
    {"traces", kTop, 0, 0, Block::required, Inherit::none, bind_planned_section<kTraces>, "",
     "trace sources configured at start"},
    {"acme", kTop, 1, 1, Block::required, Inherit::none, bind_planned_section<kAcme>, "<name>",
     "an authority that issues certificates by ACME"},
};

}  // namespace

const config::Table kSectionTable = kRows;

}  // namespace weir::haproxy
