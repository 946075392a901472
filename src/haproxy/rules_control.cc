// Rules about the handling of a request and not its text: pause, set-log-level, set-nice, set-status,
// set-timeout, strict-mode, wait-for-body, normalize-uri and their like.
#include <fmt/format.h>

#include "haproxy/bind.h"
#include "haproxy/personality.h"
#include "haproxy/rule.h"
#include "haproxy/tables.h"
#include "http/h1_server.h"
#include "http/h1_writer.h"
#include "proxy/delay.h"

namespace weir::haproxy {
namespace {

struct Level : Rule {
  int8_t level = 0;
};
struct Amount : Rule {
  uint32_t number = 0;
  const expr::Expr* sample = nullptr;
  Str text;
  const LogFormat* format = nullptr;
  uint32_t Timeouts::* timeout = nullptr;
  uint32_t at_least = 0;
};

Next run_log_level(Transaction& txn, Cursor&, const void* conf) {
  auto& rule = *static_cast<const Level*>(conf);
  if (applies(rule, context_for(txn, rule.response))) exchange(txn).log_level = rule.level;
  return Next::next;
}

Next run_strict(Transaction& txn, Cursor&, const void* conf) {
  auto& rule = *static_cast<const Level*>(conf);
  if (applies(rule, context_for(txn, rule.response))) exchange(txn).lenient = rule.level == 0;
  return Next::next;
}

Next run_pause(Transaction& txn, Cursor& c, const void* conf) {
  auto& rule = *static_cast<const Amount*>(conf);
  if (c.resumed) return Next::next;
  expr::Ctx ctx = context_for(txn, rule.response);
  if (!applies(rule, ctx)) return Next::next;
  uint32_t ms = rule.number;
  expr::Value v;
  if (rule.sample) {
    if (!rule.sample->eval(ctx, v) || !expr::cast(v, expr::Type::integer, txn.arena) || v.integer <= 0)
      return Next::next;
    ms = static_cast<uint32_t>(std::min<int64_t>(v.integer, INT32_MAX));
  }
  proxy::Delay::start(txn, c, ms);
  return Next::wait;
}

Next run_timeout(Transaction& txn, Cursor&, const void* conf) {
  auto& rule = *static_cast<const Amount*>(conf);
  expr::Ctx ctx = context_for(txn, rule.response);
  if (!applies(rule, ctx)) return Next::next;
  uint32_t ms = rule.number;
  expr::Value v;
  if (rule.sample) {
    if (!rule.sample->eval(ctx, v) || !expr::cast(v, expr::Type::integer, txn.arena) || v.integer <= 0)
      return Next::next;
    ms = static_cast<uint32_t>(std::min<int64_t>(v.integer, INT32_MAX));
  }
  Exchange& x = exchange(txn);
  if (!x.overrides) x.overrides = txn.arena.make<Timeouts>();
  x.overrides->*rule.timeout = ms;
  // Of a guest the listener's side has the client.
  if (rule.timeout == &Timeouts::client && x.front && txn.client) {
    auto* client = static_cast<http::H1Server*>(txn.client);
    auto* limits = txn.arena.make<model::ClientTimeouts>(client->timeouts());
    limits->body = limits->send = ms;
    client->set_timeouts(limits);
  }
  return Next::next;
}

constexpr int64_t kMostRetries = 100;

Next run_disable_retry(Transaction& txn, Cursor&, const void* conf) {
  if (applies(*static_cast<const Rule*>(conf), context_for(txn))) exchange(txn).once = true;
  return Next::next;
}

Next run_retries(Transaction& txn, Cursor&, const void* conf) {
  auto& rule = *static_cast<const Amount*>(conf);
  expr::Ctx ctx = context_for(txn);
  if (!applies(rule, ctx)) return Next::next;
  int64_t n = rule.number;
  if (rule.sample) {
    expr::Value v;
    if (!rule.sample->eval(ctx, v) || !expr::cast(v, expr::Type::integer, txn.arena)) return Next::next;
    n = v.integer;
  }
  if (n >= 0 && n <= kMostRetries) exchange(txn).retries = static_cast<uint32_t>(n);
  return Next::next;
}

Next run_status(Transaction& txn, Cursor&, const void* conf) {
  auto& rule = *static_cast<const Amount*>(conf);
  if (!applies(rule, context_for(txn, true))) return Next::next;
  txn.response.status = static_cast<uint16_t>(rule.number);
  exchange(txn).status = 0;
  txn.response.reason = rule.text.empty() ? http::reason_phrase(txn.response.status) : rule.text;
  return Next::next;
}

Next run_wait_for_body(Transaction& txn, Cursor& c, const void* conf) {
  auto& rule = *static_cast<const Amount*>(conf);
  if (!c.resumed && !applies(rule, context_for(txn))) return Next::next;
  return collect_request_body(txn, c, rule.at_least, rule.number);
}

bool read_amount(Scope& scope, Words args, size_t& at, const Row& row, Amount& rule) {
  uint64_t us = 0;
  std::string ignored;
  if (expr::parse_time_us(args[at].text, 1000, us, ignored)) {
    rule.number = static_cast<uint32_t>(std::min<uint64_t>((us + 999) / 1000, INT32_MAX));
    at++;
    return true;
  }
  ParseEnv env = scope.env();
  const Word& word = args[at];
  rule.sample = parse_sample_words(args, at, env);
  (void)row;
  return rule.sample && require_available(*rule.sample, place_of(scope, rule.set), word.where, scope.diag);
}

void bind_log_level(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Words args;
  auto* rule = new_rule<Level>(scope, d, row, args);
  if (!rule || !enough(scope, d, args, 1, row) || !no_more(scope, args, 1, row)) return;
  int n = args[0] == "silent" ? -2 : log_level(args[0].text);
  if (n == -1) {
    scope.error(args[0].where, fmt::format("'{}' is not a log level", args[0].text),
                "emerg, alert, crit, err, warning, notice, info, debug or silent");
    return;
  }
  rule->level = static_cast<int8_t>(n);
  add_rule(scope, d, *rule, run_log_level);
}

void bind_strict(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Words args;
  auto* rule = new_rule<Level>(scope, d, row, args);
  if (!rule || !enough(scope, d, args, 1, row) || !no_more(scope, args, 1, row)) return;
  if (args[0] != Str("on") && args[0] != Str("off")) {
    scope.error(args[0].where, fmt::format("'{}' is neither on nor off", args[0].text), {},
                fmt::format("Unexpected value '{}'. Only 'on' and 'off' are supported", args[0].text));
    return;
  }
  rule->level = args[0] == "on";
  add_rule(scope, d, *rule, run_strict);
}

void bind_pause(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Words args;
  auto* rule = new_rule<Amount>(scope, d, row, args);
  size_t at = 0;
  if (rule && enough(scope, d, args, 1, row) && read_amount(scope, args, at, row, *rule) &&
      no_more(scope, args, at, row))
    add_rule(scope, d, *rule, run_pause);
}

// A frontend knows no servers, and a backend no clients.
bool has_timeout(Scope& scope, const Word& name) {
  const Kind lacks = name == "client" ? Kind::backend : Kind::frontend;
  if (scope.proxy->kind != lacks || name == "tarpit") return true;
  scope.error(name.where, fmt::format("the {} '{}' has no {} timeout", kind_name(lacks), scope.proxy->name, name.text),
              {},
              fmt::format("'{}' has no {} capability", scope.proxy->name,
                          kind_name(lacks == Kind::backend ? Kind::frontend : Kind::backend)));
  return false;
}

void bind_timeout(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Words args;
  auto* rule = new_rule<Amount>(scope, d, row, args);
  if (!rule || !enough(scope, d, args, 2, row)) return;
  constexpr std::pair<Str, uint32_t Timeouts::*> kNames[] = {
      {"server", &Timeouts::server}, {"connect", &Timeouts::connect}, {"queue", &Timeouts::queue},
      {"tarpit", &Timeouts::tarpit}, {"tunnel", &Timeouts::tunnel},   {"client", &Timeouts::client}};
  for (auto& [name, member] : kNames)
    if (args[0] == name) rule->timeout = member;
  if (!rule->timeout) {
    scope.error(args[0].where, fmt::format("'{}' is not a timeout that rules can set", args[0].text),
                "client, connect, queue, server, tarpit or tunnel");
    return;
  }
  if (!has_timeout(scope, args[0])) return;
  size_t at = 1;
  if (read_amount(scope, args, at, row, *rule) && no_more(scope, args, at, row)) add_rule(scope, d, *rule, run_timeout);
}

void bind_retries(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Words args;
  auto* rule = new_rule<Amount>(scope, d, row, args);
  if (!rule || !enough(scope, d, args, 1, row)) return;
  size_t at = 1;
  uint64_t n = 0;
  if (parse_u64(args[0].text)) {
    if (!read_number(scope, args[0], "set-retries", 0, kMostRetries, n)) return;
    rule->number = static_cast<uint32_t>(n);
  } else {
    at = 0;
    ParseEnv env = scope.env();
    rule->sample = parse_sample_words(args, at, env);
    if (!rule->sample || !require_available(*rule->sample, place_of(scope, rule->set), args[0].where, scope.diag))
      return;
  }
  if (no_more(scope, args, at, row)) add_rule(scope, d, *rule, run_retries);
}

void bind_disable_retry(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Words args;
  auto* rule = new_rule<Rule>(scope, d, row, args);
  if (rule && no_more(scope, args, 0, row)) add_rule(scope, d, *rule, run_disable_retry);
}

void bind_status(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Words args;
  auto* rule = new_rule<Amount>(scope, d, row, args);
  uint64_t n = 0;
  if (!rule || !enough(scope, d, args, 1, row) || !read_number(scope, args[0], "set-status", 100, 999, n)) return;
  rule->number = static_cast<uint32_t>(n);
  size_t used = 1;
  if (args.size() > 2 && args[1] == "reason") {
    rule->text = args[2].text;
    used = 3;
  }
  if (no_more(scope, args, used, row)) add_rule(scope, d, *rule, run_status);
}

void bind_wait_for_body(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Words args;
  auto* rule = new_rule<Amount>(scope, d, row, args);
  if (!rule || !enough(scope, d, args, 2, row)) return;
  for (size_t i = 0; i + 1 < args.size(); i += 2) {
    uint64_t n = 0;
    if (args[i] == "time" && read_time_ms(scope, args[i + 1], "time", rule->number)) continue;
    if (args[i] == "at-least" && read_size(scope, args[i + 1], "at-least", n)) {
      rule->at_least = static_cast<uint32_t>(n);
      continue;
    }
    scope.error(args[i].where, fmt::format("'{}' is not expected here", args[i].text),
                fmt::format("write: {} {}", row.name, row.syntax));
    return;
  }
  add_rule(scope, d, *rule, run_wait_for_body);
}

// Accepted without effect: the condition and arguments are still checked.
void bind_without_effect(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Rule rule;
  Words args;
  if (open_rule(scope, d, row, rule, args))
    scope.diag.note(
        d.where, fmt::format("'{}' has no effect in weir: requests are served in the order of their events", row.name));
}

constexpr Str kLevel = "<level> [ { if | unless } <condition> ]";
constexpr Str kRetries = "{ <int> | <expr> } [ { if | unless } <condition> ]";
constexpr Str kTimeout =
    "{ client | connect | queue | server | tarpit | tunnel } { <timeout> | <expr> } [ { if | unless } <condition> ]";

constexpr Row kRows[] = {
    rule_row("http-request set-log-level", kProxies, 1, -1, bind_log_level, kLevel,
             "set the level of the request's log line"),
    rule_row("http-response set-log-level", kProxies, 1, -1, bind_log_level, kLevel,
             "set the level of the request's log line"),
    rule_row("http-after-response set-log-level", kProxies, 1, -1, bind_log_level, kLevel,
             "set the level of the request's log line"),
    rule_row("tcp-request content set-log-level", kProxies, 1, -1, bind_log_level, kLevel,
             "set the level of the log line"),
    rule_row("tcp-response content set-log-level", kBackends, 1, -1, bind_log_level, kLevel,
             "set the level of the log line"),
    rule_row("http-request strict-mode", kProxies, 1, -1, bind_strict, "{ on | off } [ { if | unless } <condition> ]",
             "whether failing rewrite rules refuse the message"),
    rule_row("http-response strict-mode", kProxies, 1, -1, bind_strict, "{ on | off } [ { if | unless } <condition> ]",
             "whether failing rewrite rules refuse the message"),
    rule_row("http-after-response strict-mode", kProxies, 1, -1, bind_strict,
             "{ on | off } [ { if | unless } <condition> ]", "whether failing rewrite rules refuse the message"),
    rule_row("http-request pause", kProxies, 1, -1, bind_pause,
             "{ <timeout> | <expr> } [ { if | unless } <condition> ]", "hold the request for a while"),
    rule_row("http-response pause", kProxies, 1, -1, bind_pause,
             "{ <timeout> | <expr> } [ { if | unless } <condition> ]", "hold the response for a while"),
    rule_row("http-request set-timeout", kProxies, 2, -1, bind_timeout, kTimeout, "set a timeout for this request"),
    rule_row("http-request set-retries", kListen | kBackend, 1, -1, bind_retries, kRetries,
             "set how often this request may be tried again"),
    rule_row("http-request disable-l7-retry", kProxies, 0, -1, bind_disable_retry, "[ { if | unless } <condition> ]",
             "try the request again after a failed connect only, whatever retry-on says"),
    rule_row("tcp-request content set-retries", kListen | kBackend, 1, -1, bind_retries, kRetries,
             "set how often this connection may be tried again"),
    rule_row("http-response set-status", kProxies, 1, -1, bind_status,
             "<status> [reason <str>] [ { if | unless } <condition> ]", "set the response's status"),
    rule_row("http-after-response set-status", kProxies, 1, -1, bind_status,
             "<status> [reason <str>] [ { if | unless } <condition> ]", "set the status of any response"),
    rule_row("http-request wait-for-body", kProxies, 2, -1, bind_wait_for_body,
             "time <time> [ at-least <bytes> ] [ { if | unless } <condition> ]",
             "wait for the request body before going on"),
    rule_row("http-request set-nice", kProxies, 1, -1, bind_without_effect, kLevel,
             "scheduling priority of the request"),
    rule_row("http-response set-nice", kProxies, 1, -1, bind_without_effect, kLevel,
             "scheduling priority of the request"),
    rule_row("tcp-response content set-nice", kBackends, 1, -1, bind_without_effect, kLevel,
             "scheduling priority of the session"),
    rule_row("tcp-request content set-nice", kProxies, 1, -1, bind_without_effect, kLevel,
             "scheduling priority of the session"),
};

}  // namespace

const config::Table kControlRuleTable = kRows;

}  // namespace weir::haproxy
