// See haproxy/log_profile.h: the section, `log-steps`, and the action `do-log`.
#include "haproxy/log_profile.h"

#include <fmt/format.h>

#include "haproxy/bind.h"
#include "haproxy/tables.h"
#include "haproxy/traffic_log.h"

namespace weir::haproxy {
namespace {

struct StepName {
  Str word;  // in log-steps and profiles; empty: in neither
  Str shown;
};
constexpr StepName kSteps[] = {
    {"", "unspec"},
    {"", "sess_error"},
    {"", "sess_killed"},
    {"accept", "txn_accept"},
    {"request", "txn_request"},
    {"connect", "txn_connect"},
    {"response", "txn_response"},
    {"close", "txn_close"},
    {"tcp-req-conn", "tcp-req-conn"},
    {"tcp-req-sess", "tcp-req-sess"},
    {"tcp-req-cont", "tcp-req-cont"},
    {"tcp-res-cont", "tcp-res-cont"},
    {"http-req", "http-req"},
    {"http-res", "http-res"},
    {"http-after-res", "http-after-res"},
};
static_assert(std::size(kSteps) == static_cast<size_t>(LogStep::count_));

constexpr Str kKnownSteps =
    "accept, request, connect, response, close, tcp-req-conn, tcp-req-sess, tcp-req-cont, tcp-res-cont, http-req, "
    "http-res, "
    "http-after-res";

LogStep find_step(Str word) {
  for (size_t i = 0; i < std::size(kSteps); i++)
    if (!word.empty() && kSteps[i].word == word) return static_cast<LogStep>(i);
  return LogStep::count_;
}

LogStep step_of(Ruleset set) {
  switch (set) {
    case Ruleset::connection: return LogStep::tcp_req_conn;
    case Ruleset::session: return LogStep::tcp_req_sess;
    case Ruleset::content: return LogStep::tcp_req_cont;
    case Ruleset::response_content: return LogStep::tcp_res_cont;
    case Ruleset::request: return LogStep::http_req;
    case Ruleset::response: return LogStep::http_res;
    case Ruleset::after: return LogStep::http_after_res;
    case Ruleset::count_: break;
  }
  return LogStep::unspec;
}

const LogProfile* find_profile(const Global& g, Str name) {
  for (const LogProfile* p : g.log_sections.profiles)
    if (p->name == name) return p;
  return nullptr;
}

// --- the section ---

void bind_section(void* s, const Directive& d, const Row&) {
  Scope& scope = scope_of(s);
  const Word& name = d.words[1];
  if (find_profile(scope.global, name.text))
    scope.error(name.where, fmt::format("another log-profile section is called '{}'", name.text), {},
                fmt::format("log-profile section '{}' already exists", name.text));
  auto* profile = scope.arena.own<LogProfile>();
  profile->name = name.text;
  scope.global.log_sections.profiles.push_back(profile);
  bind_lines(scope, d, kLogProfile);
}

LogProfile& current_profile(Scope& scope) {
  return *scope.global.log_sections.profiles.back();
}

void bind_tag(void* s, const Directive& d, const Row& row) {
  current_profile(scope_of(s)).tag = args_of(d, row)[0].text;
}

LogProfile::Override* find_override(LogProfile& profile, Str word) {
  if (word == "any") return &profile.any;
  if (word == "error") return &profile.error;
  LogStep step = find_step(word);
  return step == LogStep::count_ ? nullptr : &profile.steps[static_cast<size_t>(step)];
}

void bind_on(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Words args = args_of(d, row);
  LogProfile::Override* step = find_override(current_profile(scope), args[0].text);
  if (!step) {
    scope.error(args[0].where, fmt::format("'{}' is not a step of logging", args[0].text),
                fmt::format("one of any, error, {}", kKnownSteps), "'on' expects a log step.");
    return;
  }
  step->given = true;
  size_t at = 1;
  if (at < args.size() && args[at] == "drop") {
    step->drop = true;
    at++;
  }
  for (; at + 1 < args.size() && (args[at] == "format" || args[at] == "sd"); at += 2) {
    ParseEnv env = scope.env();
    const LogFormat* format = compile_log_format(args[at + 1], FormatUse::log, kAtLog, env);
    if (!format) return;
    step->drop = false;
    (args[at] == "sd" ? step->structured : step->format) = format;
  }
  if (args.size() == 1 || at < args.size())
    scope.error(args[std::min(at, args.size() - 1)].where, "'drop', 'format' or 'sd' with its text is missing here",
                fmt::format("write: on {}", row.syntax),
                fmt::format("'on {}' expects 'drop', 'format' or 'sd'.", args[0].text));
}

// --- log-steps ---

void bind_steps(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  const Word& word = args_of(d, row)[0];
  uint32_t& steps = scope.proxy->s.log_steps;
  steps = 0;
  if (word == "all") {
    steps = UINT32_MAX;
    return;
  }
  for (Str rest = word.text; !rest.empty();) {
    size_t before = static_cast<size_t>(rest.data() - word.text.data());
    Str name = cut(rest, ',');
    LogStep step = find_step(name);
    if (step == LogStep::count_) {
      scope.error(at_byte(word, before, std::max<size_t>(name.size(), 1)),
                  fmt::format("'{}' is not a step of logging", name), fmt::format("all, or some of {}", kKnownSteps),
                  fmt::format("invalid log step name ({}). Expected values are: {}", name, kKnownSteps));
      return;
    }
    steps |= log_step_bit(step);
  }
}

// --- do-log ---

Next run_do_log(Transaction& txn, Cursor&, const void* conf) {
  auto& rule = *static_cast<const DoLog*>(conf);
  if (applies(rule, context_for(txn, rule.response))) log_by_rule(txn, rule.step, rule.profile);
  return Next::next;
}

void bind_do_log(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Words args;
  auto* rule = new_rule<DoLog>(scope, d, row, args);
  if (!rule) return;
  rule->step = step_of(rule->set);
  size_t used = 0;
  if (args.size() > 1 && args[0] == "profile") {
    rule->profile_name = args[1];
    scope.global.log_sections.do_logs.push_back(rule);
    used = 2;
  }
  if (no_more(scope, args, used, row)) add_rule(scope, d, *rule, run_do_log);
}

const LogProfile* need_profile(Scope& scope, Str name, const Where& where) {
  if (const LogProfile* found = find_profile(scope.global, name)) return found;
  std::vector<Str> names;
  for (const LogProfile* p : scope.global.log_sections.profiles) names.push_back(p->name);
  Str near = config::nearest(name, names);
  scope.error(where, fmt::format("there is no log-profile section '{}'", name),
              near.empty() ? std::string() : fmt::format("did you mean '{}'?", near),
              fmt::format("unable to find log-profile '{}'.", name));
  return nullptr;
}

constexpr Str kDoLog = "[ profile <log_profile> ] [ { if | unless } <condition> ]";
constexpr Str kDoLogHelp = "write a log line now";

constexpr Row kRows[] = {
    {"log-profile", kTop, 1, 1, Block::required, Inherit::none, bind_section, "<name>",
     "formats for the steps of logging"},
    {"log-tag", kLogProfile, 1, 1, Block::none, Inherit::none, bind_tag, "<string>",
     "program name in the header of syslog messages"},
    {"on", kLogProfile, 1, 6, Block::none, Inherit::none, bind_on, "<step> [drop] [format <fmt>] [sd <sd_fmt>]",
     "format, or silence, of one logging step"},
    {"log-steps", kFrontends, 1, 1, Block::none, Inherit::copy, bind_steps, "{ all | <step>[,<step>]* }",
     "moments of a transaction that are logged"},
    rule_row("tcp-request connection do-log", kFrontends, 0, -1, bind_do_log, kDoLog, kDoLogHelp),
    rule_row("tcp-request session do-log", kFrontends, 0, -1, bind_do_log, kDoLog, kDoLogHelp),
    rule_row("tcp-request content do-log", kProxies, 0, -1, bind_do_log, kDoLog, kDoLogHelp),
    rule_row("tcp-response content do-log", kBackends, 0, -1, bind_do_log, kDoLog, kDoLogHelp),
    rule_row("http-request do-log", kProxies, 0, -1, bind_do_log, kDoLog, kDoLogHelp),
    rule_row("http-response do-log", kProxies, 0, -1, bind_do_log, kDoLog, kDoLogHelp),
    rule_row("http-after-response do-log", kProxies, 0, -1, bind_do_log, kDoLog, kDoLogHelp),
};

}  // namespace

const LogProfile::Override* LogProfile::of(LogStep step) const {
  bool failed = step == LogStep::sess_error || step == LogStep::sess_killed;
  const Override& own = failed ? error : steps[static_cast<size_t>(step)];
  return own.given ? &own : any.given ? &any : nullptr;
}

Str log_step_name(LogStep step) {
  return kSteps[static_cast<size_t>(step)].shown;
}

void resolve_log_profiles(Scope& scope) {
  for (LogTarget* t : scope.global.targets)
    if (!t->profile_name.empty()) t->profile = need_profile(scope, t->profile_name, t->profile_where);
  for (DoLog* rule : scope.global.log_sections.do_logs)
    rule->profile = need_profile(scope, rule->profile_name.text, rule->profile_name.where);
}

const config::Table kLogProfileTable = kRows;

}  // namespace weir::haproxy
