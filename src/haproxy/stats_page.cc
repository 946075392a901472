// See haproxy/stats_page.h. What the page shows and how forms are obeyed is in stats/; which requests are for it and who may
// see and change what is here (configuration.txt, `stats enable` and the words around it).
#include "haproxy/stats_page.h"

#include <fmt/format.h>

#include "expr/args.h"
#include "haproxy/bind.h"
#include "haproxy/global.h"
#include "haproxy/haproxy.h"
#include "haproxy/personality.h"
#include "haproxy/rules_answer.h"
#include "haproxy/tables.h"
#include "proxy/shard.h"

namespace weir::haproxy {
namespace {

using http::Method;

constexpr Str kUri = "/haproxy?stats";
constexpr Str kRealm = "HAProxy Statistics";

// What stands behind the page's address; false: the request is for something else.
bool is_for_page(const http::Message& request, const StatsConf& conf, Str& words) {
  if (request.method != Method::get && request.method != Method::head && request.method != Method::post) return false;
  Str uri = conf.page.uri;
  Str target = uri.starts_with('/') ? request.path : request.target;
  if (!target.starts_with(uri)) return false;
  words = target.substr(uri.size());
  return true;
}

bool may_change(const StatsConf& conf, const expr::Ctx& ctx) {
  for (const Condition* c : conf.admin)
    if (c->eval(ctx)) return true;
  return false;
}

uint32_t body_time(const Timeouts& t) {
  uint32_t ms = t.http_request != kForever ? t.http_request : t.client;
  return ms == kForever ? 0 : ms;
}

}  // namespace

Next enter_stats(Transaction& txn, Cursor& c, const void* conf) {
  const StatsConf& stats = *static_cast<const Proxy*>(conf)->s.stats;
  Str words;
  if (!is_for_page(txn.request, stats, words)) return Next::next;
  c.target_segment = &stats.access;
  return Next::call;
}

Next run_stats(Transaction& txn, Cursor& c, const void* conf) {
  auto& proxy = *static_cast<const Proxy*>(conf);
  const StatsConf& stats = *proxy.s.stats;
  Str words;
  if (!is_for_page(txn.request, stats, words)) return Next::next;
  Exchange& x = exchange(txn);
  bool form = txn.request.method == Method::post;
  bool admin = may_change(stats, context_for(txn));
  bool obeyed = admin && weir::stats::same_site(txn);
  if (form && obeyed) {
    Next next = collect_request_body(txn, c, 0, body_time(proxy.s.timeouts));
    if (next != Next::next) return next;
  }
  x.service = "<STATS>";
  txn.termination = {'L', 'R'};
  if (!form) return weir::stats::show_page(txn, stats.page, words, admin);
  if (!obeyed) return weir::stats::back_to_page(txn, stats.page, words, "DENY");
  const proxy::BodyCollector* body = txn.collected();
  Str text = body ? body->text() : Str();
  bool too_long = body && (body->cut || body->size > global(txn.shard.model).tune_bufsize);
  return weir::stats::take_form(txn, stats.page, words, too_long ? nullptr : &text);
}

namespace {

// The section's own settings; whatever it had from its defaults is left behind with the first line (HAProxy does so too).
StatsConf& conf_of(Scope& scope, const Directive& d) {
  StatsConf*& conf = scope.proxy->s.stats;
  if (conf && conf->owner == scope.proxy) return *conf;
  bool copy = conf && scope.proxy->kind == Kind::defaults;
  conf = copy ? scope.arena.own<StatsConf>(*conf) : scope.arena.own<StatsConf>();
  conf->owner = scope.proxy;
  conf->where = d.where;
  if (!copy) conf->page.uri = kUri;
  return *conf;
}

void bind_enable(void* s, const Directive& d, const Row&) {
  conf_of(scope_of(s), d);
}

void bind_uri(void* s, const Directive& d, const Row& row) {
  conf_of(scope_of(s), d).page.uri = args_of(d, row)[0].text;
}

void bind_realm(void* s, const Directive& d, const Row& row) {
  conf_of(scope_of(s), d).realm = args_of(d, row)[0].text;
}

void bind_auth(void* s, const Directive& d, const Row& row) {
  StatsConf& conf = conf_of(scope_of(s), d);
  UserList::User user;
  user.password = args_of(d, row)[0].text;
  user.name = cut(user.password, ':');
  user.hashed = false;
  for (UserList::User& known : conf.users)
    if (known.name == user.name) return;  // the first one counts
  conf.users.push_back(user);
}

void bind_refresh(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  const Word& word = args_of(d, row)[0];
  uint64_t us = 0;
  std::string problem;
  if (expr::parse_time_us(word.text, 1000000, us, problem)) {
    conf_of(scope, d).page.refresh_s = static_cast<uint32_t>(std::min<uint64_t>((us + 999999) / 1000000, INT32_MAX));
    return;
  }
  scope.error(word.where, problem, "a number with us, ms, s, m, h or d; without a unit it is seconds",
              fmt::format("unexpected character in argument to stats refresh interval: '{}'.", word.text));
}

void bind_scope(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  conf_of(scope, d).page.names.push(scope.arena, args_of(d, row)[0].text);
}

template <bool weir::stats::PageConf::* member>
void bind_flag(void* s, const Directive& d, const Row&) {
  conf_of(scope_of(s), d).page.*member = true;
}

// Says nothing about a page that is not there, and makes none.
void bind_hide_version(void* s, const Directive&, const Row&) {
  Scope& scope = scope_of(s);
  StatsConf*& conf = scope.proxy->s.stats;
  if (conf && conf->owner != scope.proxy) conf = nullptr;
  if (conf) conf->page.version = false;
}

void bind_node(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Words args = args_of(d, row);
  StatsConf& conf = conf_of(scope, d);
  conf.page.node = true;
  if (args.empty()) return;
  for (char c : args[0].text)
    if (!is_digit(c) && !(lower(c) >= 'a' && lower(c) <= 'z') && !strchr("_-.", c)) {
      scope.error(args[0].where, fmt::format("'{}' is not the name of a node", args[0].text),
                  "letters, digits, '-', '_' and '.'",
                  "'stats show-node' invalid node name - should be a string"
                  "with digits(0-9), letters(A-Z, a-z), hyphen(-) or underscode(_).");
      return;
    }
  conf.page.node_name = args[0].text;
}

void bind_description(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Words args = args_of(d, row);
  if (args.empty() && scope.global.description.empty()) {
    scope.warning(d.where, "there is no description to show", "write it here, or `description` into the global section",
                  "'show-desc' requires a parameter or 'desc' to be set in the global section.");
    return;
  }
  StatsConf& conf = conf_of(scope, d);
  conf.page.description = true;
  std::string text;
  for (const Word& w : args) text.append(text.empty() ? "" : " ").append(w.text);
  conf.page.description_text = scope.keep(text);
}

const Place& place_here(const Scope& scope) {
  return place_of(scope, Ruleset::request);
}

void bind_admin(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Words args = args_of(d, row);
  if (find_condition(args, 0) != 0) {
    scope.error(args[0].where, "'stats admin' takes a condition that begins with 'if' or 'unless'", {},
                "'stats admin' requires either 'if' or 'unless' followed by a condition.");
    return;
  }
  ParseEnv env = scope.env();
  if (const Condition* c = scope.proxy->acls.condition(args, place_here(scope), env))
    conf_of(scope, d).admin.push(scope.arena, c);
}

void bind_rule(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  StatsConf& conf = conf_of(scope, d);
  Words args = args_of(d, row);
  size_t end = find_condition(args, 0);
  Str action = end ? args[0].text : Str();
  auto* rule = scope.arena.make<AuthRule>();
  auto* refusal = scope.arena.make<AnswerRule>();
  rule->realm = kRealm;
  if (end < args.size()) {
    ParseEnv env = scope.env();
    rule->condition = scope.proxy->acls.condition(args.subspan(end), place_here(scope), env);
    if (!rule->condition) return;
  }
  if (conf.last_rule_is_final)
    scope.warning(d.where, "this rule is never reached: the one before it has no condition", {},
                  "previous 'stats' action has no condition attached, further entries are NOOP.");
  conf.last_rule_is_final = !rule->condition;
  refusal->condition = rule->condition;
  Words options = args.subspan(std::min<size_t>(1, end), end - std::min<size_t>(1, end));
  size_t at = 0;
  if (action == "allow" && no_more(scope, options, 0, row)) {
    conf.rules.push(scope.arena, {run_allow, static_cast<const Rule*>(rule), d.where});
  } else if (action == "auth" && take_realm(scope, options, row, rule->realm)) {
    conf.rules.push(scope.arena, {run_auth, rule, d.where});
  } else if (action == "deny") {
    refusal->page = parse_page(scope, options, at, 403, true, place_here(scope));
    if (refusal->page && no_more(scope, options, at, row)) conf.rules.push(scope.arena, {run_deny, refusal, d.where});
  } else if (action != "allow" && action != "auth") {
    scope.error(args[0].where, fmt::format("'{}' is not a rule of the statistics page", args[0].text),
                "allow, deny or auth",
                fmt::format("'stats http-request' expects 'allow', 'deny' or 'auth', but got '{}'.", args[0].text));
  }
}

// The users as a list of their own, and the rule that asks everybody else for a password.
void add_user_rule(Scope& scope, Proxy& p, StatsConf& conf) {
  auto* list = scope.arena.own<UserList>();
  list->name = scope.keep(fmt::format(".internal-stats-userlist-{}", scope.global.user_lists.size()));
  list->users = conf.users;
  scope.global.user_lists.push_back(list);
  std::vector<Word> words;
  for (Str text : {Str("unless"), Str("{"), Str(scope.keep(fmt::format("http_auth({})", list->name))), Str("}")})
    words.push_back({text, config::Quote::none, conf.where});
  ParseEnv env = scope.env();
  auto* rule = scope.arena.make<AuthRule>();
  rule->condition = p.acls.condition(words, place_here(scope), env);
  rule->realm = conf.realm.empty() ? kRealm : conf.realm;
  conf.rules.push(scope.arena, {run_auth, rule, conf.where});
}

}  // namespace

void finish_stats(Scope& scope, Proxy& p) {
  if (!p.s.stats) return;
  if (!p.http()) {
    scope.warning(
        p.s.stats->where, fmt::format("there is no statistics page in '{}', whose mode is tcp", p.name),
        "write: mode http",
        fmt::format("'stats' statement ignored for {} '{}' as it requires HTTP mode.", kind_name(p.kind), p.name));
    p.s.stats = nullptr;
    return;
  }
  if (!p.s.stats->rules.empty() && (!p.s.stats->users.empty() || !p.s.stats->realm.empty())) {
    scope.error(
        p.s.stats->where, "'stats auth' and 'stats realm' do not go together with 'stats http-request'",
        "write: stats http-request auth realm … unless { http_auth(USERLIST) }",
        fmt::format("proxy '{}': stats 'auth'/'realm' and 'http-request' can't be used at the same time.", p.name));
    return;
  }
  // Proxies share what they have from their defaults; from here on it is each one's own.
  auto* conf = scope.arena.own<StatsConf>(*p.s.stats);
  conf->page.names = {};
  for (Str name : p.s.stats->page.names) conf->page.names.push(scope.arena, name == "." ? p.name : name);
  p.s.stats = conf;
  if (!conf->users.empty()) add_user_rule(scope, p, *conf);
  conf->access = {"stats http-request", conf->rules.data, conf->rules.size, &p};
}

namespace {

constexpr ContextMask kSections = kFrontend | kListen | kBackend;

constexpr Row word(Str name, int8_t min, int8_t max, config::BindFn bind, Str syntax, Str help) {
  return {name, kProxies, min, max, Block::none, Inherit::copy, bind, syntax, help};
}

constexpr Row kRows[] = {
    word("stats enable", 0, 0, bind_enable, "", "show the statistics page with default settings"),
    word("stats uri", 1, 1, bind_uri, "<prefix>", "path of the page"),
    word("stats auth", 1, 1, bind_auth, "<user>:<passwd>", "a user that may see the statistics page"),
    word("stats realm", 1, 1, bind_realm, "<realm>", "realm of the page's authentication"),
    word("stats refresh", 1, 1, bind_refresh, "<delay>", "seconds between automatic refreshes of the page"),
    word("stats scope", 1, 1, bind_scope, "{ <name> | \".\" }", "proxies that the page shows"),
    word("stats hide-version", 0, 0, bind_hide_version, "", "do not show the version on the page"),
    word("stats show-version", 0, 0, bind_flag<&stats::PageConf::version>, "", "show the version on the page"),
    word("stats show-legends", 0, 0, bind_flag<&stats::PageConf::legends>, "",
         "show more about proxies and servers on the page"),
    word("stats show-desc", 0, -1, bind_description, "[ <desc> ]", "show a description on the page"),
    word("stats show-node", 0, 1, bind_node, "[ <name> ]", "show a node name on the page"),
    {"stats show-modules", kProxies, 0, 0, Block::none, Inherit::copy, nullptr, "",
     "show the statistics of extra modules on the page", "no module of weir has statistics of its own there"},
    {"stats admin", kSections, 2, -1, Block::none, Inherit::none, bind_admin, "{ if | unless } <cond>",
     "who may change server states on the page"},
    {"stats http-request", kSections, 1, -1, Block::none, Inherit::rules, bind_rule,
     "{ allow | deny | auth [realm <realm>] } [ { if | unless } <condition> ]", "access rule of the page"},
};

}  // namespace

const config::Table kStatsPageTable = kRows;

}  // namespace weir::haproxy
