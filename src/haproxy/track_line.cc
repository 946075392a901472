// The actions track-sc0 … 2, sc-inc-gpc, sc-add-gpc, sc-set-gpt and their like, in all rule families.
#include <fmt/format.h>

#include "haproxy/bind.h"
#include "haproxy/rule.h"
#include "haproxy/session.h"
#include "haproxy/stick.h"
#include "haproxy/tables.h"
#include "http/h1_server.h"
#include "proxy/shard.h"
#include "stats/rate.h"

namespace weir::haproxy {
namespace {

using sticky::Datum;
using sticky::StickTable;
using sticky::Table;

struct TrackRule : Rule {
  int counter = 0;
  const expr::Expr* sample = nullptr;
  const expr::Reference* table = nullptr;
};

// Where the rules of a connection count, or those of an exchange.
Trackers* trackers_for(Transaction& txn, Ruleset set) {
  if (set == Ruleset::connection || set == Ruleset::session) {
    auto* client = txn.client ? static_cast<http::H1Server*>(txn.client->conn()) : nullptr;
    return client ? &session_of(*client, true)->trackers : nullptr;
  }
  Exchange& x = exchange(txn);
  if (!x.trackers) x.trackers = txn.arena.own<Trackers>();
  return x.trackers;
}

Next run_track(Transaction& txn, Cursor&, const void* conf) {
  auto& rule = *static_cast<const TrackRule*>(conf);
  if (tracked(txn, rule.counter)) return Next::next;
  expr::Ctx ctx = context_for(txn, rule.response);
  expr::Value v;
  Str key;
  const StickTable* table = rule.table->table;
  if (!applies(rule, ctx) || !rule.sample->eval(ctx, v) || !table->key_of(v, txn.arena, key)) return Next::next;
  Trackers* trackers = trackers_for(txn, rule.set);
  if (!trackers) return Next::next;
  track(*trackers, rule.counter, *table, key);
  // A request that is tracked by its contents is counted with that.
  const bool http = !txn.tcp && rule.set != Ruleset::connection && rule.set != Ruleset::session;
  if (!http) return Next::next;
  count(trackers->slot(rule.counter), Datum::http_req_cnt, Datum::http_req_rate);
  return Next::next;
}

struct CounterRule : Rule {
  enum class What : uint8_t { increment, add, set_tag };
  What what = What::increment;
  Datum datum = Datum::gpc;
  Datum rate = Datum::gpc_rate;
  uint32_t index = 0;
  uint32_t plain_index = 0;  // where the table has an array in place of `datum`
  int64_t counter = 0;
  int64_t number = 0;
  const expr::Expr* sample = nullptr;
};

// Where the datum is: in its own store, or in the array that stands in for it. False: it is not stored.
bool locate(const StickTable& t, Datum& d, Datum array, uint32_t& index, uint32_t plain_index) {
  if (!t.has(d)) {
    d = array;
    index = plain_index;
  }
  return t.has(d) && index < t.store(d).count;
}

Next run_counter(Transaction& txn, Cursor&, const void* conf) {
  auto& rule = *static_cast<const CounterRule*>(conf);
  expr::Ctx ctx = context_for(txn, rule.response);
  if (!applies(rule, ctx)) return Next::next;
  const Trackers::One* one = tracked(txn, rule.counter);
  if (!one) return Next::next;
  int64_t n = rule.number;
  if (rule.sample) {
    expr::Value v;
    if (!rule.sample->eval(ctx, v) || !expr::cast(v, expr::Type::integer, txn.arena)) return Next::next;
    n = v.integer;
  }
  const StickTable& t = *one->table;
  const uint64_t now = stats::monotonic_ms();
  Table::Guard guard(t.table, one->place);
  Table::Entry* e = guard.at();
  if (!e) return Next::next;
  const bool tag = rule.what == CounterRule::What::set_tag;
  Datum d = rule.datum, r = rule.rate;
  uint32_t index = rule.index, rate_index = rule.index;
  if (locate(t, d, tag ? Datum::gpt : Datum::gpc, index, rule.plain_index))
    t.number(*e, d, index) = static_cast<uint32_t>(tag ? n : static_cast<int64_t>(t.number(*e, d, index)) + n);
  if (!tag && locate(t, r, Datum::gpc_rate, rate_index, rule.plain_index))
    t.rate(*e, r, rate_index).add(now, t.store(r).period_ms, static_cast<uint32_t>(n));
  guard.touch(*e, now, t.expire_ms);
  return Next::next;
}

const Word& action_word(const Directive& d, const Row& row) {
  return d.words[static_cast<size_t>(std::count(row.name.begin(), row.name.end(), ' '))];
}

constexpr Str kTrackName = "track-sc";

void report_counter(Scope& scope, const Word& word, Str id) {
  const uint32_t counters = scope.global.stick_counters;
  const uint64_t wanted = parse_u64(id).value_or(Trackers::kMost) + 1;  // so many there would have to be
  const bool possible = wanted <= Trackers::kMost;
  if (!counters)
    scope.error(word.where, "there are no stick counters: tune.stick-counters is 0", {},
                fmt::format("Cannot use '{}', stick-counters are disabled via tune.stick-counters", word.text));
  else
    scope.error(word.where, fmt::format("'{}' is no stick counter: there are 0 to {}", id, counters - 1),
                possible ? fmt::format("write in the global section: tune.stick-counters {}", wanted) : std::string(),
                fmt::format("invalid stick table track ID '{}'. The max allowed ID is {} (tune.stick-counters)",
                            word.text, counters - 1));
}

void bind_track(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Words args;
  auto* rule = new_rule<TrackRule>(scope, d, row, args);
  if (!rule || !enough(scope, d, args, 1, row)) return;
  const Word& action = action_word(d, row);
  const auto number = parse_u64(action.text.substr(kTrackName.size()));
  if (!number || *number >= scope.global.stick_counters)
    return report_counter(scope, action, action.text.substr(kTrackName.size()));
  rule->counter = static_cast<int>(*number);
  ParseEnv env = scope.env();
  size_t at = 0;
  rule->sample = parse_sample_words(args, at, env);
  if (!rule->sample || !require_available(*rule->sample, place_of(scope, rule->set), args[0].where, scope.diag)) return;
  const bool content = rule->set == Ruleset::content && !scope.proxy->http();
  if (content && rule->sample->needs && !(rule->sample->needs & kClientThere))
    scope.planned(args[0].where, fmt::format("{} of contents in tcp mode", row.name));
  auto* table = scope.arena.make<expr::Reference>();
  table->kind = 'T';
  table->keyword = row.name;
  table->where = d.where;
  table->name = scope.proxy->name;
  if (at < args.size() && args[at] == "table") {
    if (!enough(scope, d, args, at + 2, row)) return;
    table->name = args[at + 1].text;
    table->where = args[at + 1].where;
    at += 2;
  }
  rule->table = table;
  scope.global.references.list.push_back(table);
  if (!no_more(scope, args, at, row)) return;
  scope.proxy->tracks |= rule->set == Ruleset::connection || rule->set == Ruleset::session;
  add_rule(scope, d, *rule, run_track);
}

// "(<idx>,<sc-id>)" or "(<sc-id>)" behind the action. False after an error.
bool read_place(Scope& scope, const Word& word, bool indexed, CounterRule& rule) {
  Str text = word.text, inside;
  size_t open = text.find('(');
  if (open != Str::npos && text.ends_with(')')) inside = text.substr(open + 1, text.size() - open - 2);
  auto index = indexed ? parse_u64(trim(cut(inside, ','))) : std::optional<uint64_t>(0);
  auto counter = parse_u64(trim(inside));
  if (index && *index < 100 && counter && *counter < scope.global.stick_counters) {
    if (indexed) rule.index = rule.plain_index = static_cast<uint32_t>(*index);
    rule.counter = static_cast<int64_t>(*counter);
    return true;
  }
  if (counter) {
    report_counter(scope, word, inside);
    return false;
  }
  scope.error(word.where, fmt::format("'{}' lacks a stick counter in parentheses", text),
              indexed ? "write: (<index>,<counter>)" : "write: (<counter>)",
              fmt::format("invalid stick table track ID '{}'.", text));
  return false;
}

void bind_counter(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Words args;
  auto* rule = new_rule<CounterRule>(scope, d, row, args);
  if (!rule) return;
  Str action = row.name.substr(row.name.rfind(' ') + 1);
  const bool indexed = !is_digit(action.back());
  if (!indexed) {
    rule->plain_index = static_cast<uint32_t>(action.back() - '0');
    const bool second = rule->plain_index == 1;
    rule->datum = action.starts_with("sc-set") ? Datum::gpt0 : second ? Datum::gpc1 : Datum::gpc0;
    rule->rate = second ? Datum::gpc1_rate : Datum::gpc0_rate;
  } else if (action == "sc-set-gpt") {
    rule->datum = Datum::gpt;
  }
  if (!read_place(scope, action_word(d, row), indexed, *rule)) return;
  size_t at = 0;
  rule->number = 1;
  if (!action.starts_with("sc-inc")) {
    rule->what = action.starts_with("sc-set") ? CounterRule::What::set_tag : CounterRule::What::add;
    if (!enough(scope, d, args, 1, row)) return;
    if (auto n = parse_u64(args[0].text)) {
      rule->number = static_cast<int64_t>(std::min<uint64_t>(*n, UINT32_MAX));
      at = 1;
    } else {
      ParseEnv env = scope.env();
      rule->sample = parse_sample_words(args, at, env);
      if (!rule->sample || !require_available(*rule->sample, place_of(scope, rule->set), args[0].where, scope.diag))
        return;
    }
  }
  if (no_more(scope, args, at, row)) add_rule(scope, d, *rule, run_counter);
}

constexpr Str kTrack = "<key> [table <table>] [ { if | unless } <condition> ]";
constexpr Str kBoth = "(<idx>,<sc-id>) [ { if | unless } <condition> ]";
constexpr Str kBothValue = "(<idx>,<sc-id>) { <int> | <expr> } [ { if | unless } <condition> ]";
constexpr Str kOne = "(<sc-id>) [ { if | unless } <condition> ]";
constexpr Str kOneValue = "(<sc-id>) { <int> | <expr> } [ { if | unless } <condition> ]";

#define WEIR_TRACK_ROWS(family, contexts)                              \
  rule_row(family " track-sc<N>", contexts, 1, -1, bind_track, kTrack, \
           "count under a key, in a counter (tune.stick-counters says how many there are)")

#define WEIR_COUNTER_ROWS(family, contexts)                                        \
  rule_row(family " sc-add-gpc", contexts, 1, -1, bind_counter, kBothValue,        \
           "add to a general purpose counter of a tracked entry"),                 \
      rule_row(family " sc-inc-gpc", contexts, 0, -1, bind_counter, kBoth,         \
               "increment a general purpose counter of a tracked entry"),          \
      rule_row(family " sc-inc-gpc0", contexts, 0, -1, bind_counter, kOne,         \
               "increment the first general purpose counter of a tracked entry"),  \
      rule_row(family " sc-inc-gpc1", contexts, 0, -1, bind_counter, kOne,         \
               "increment the second general purpose counter of a tracked entry"), \
      rule_row(family " sc-set-gpt", contexts, 1, -1, bind_counter, kBothValue,    \
               "set a general purpose tag of a tracked entry"),                    \
      rule_row(family " sc-set-gpt0", contexts, 1, -1, bind_counter, kOneValue,    \
               "set the first general purpose tag of a tracked entry")

constexpr Row kRows[] = {
    WEIR_TRACK_ROWS("tcp-request connection", kFrontends),
    WEIR_TRACK_ROWS("tcp-request session", kFrontends),
    WEIR_TRACK_ROWS("tcp-request content", kProxies),
    WEIR_TRACK_ROWS("http-request", kProxies),
    WEIR_TRACK_ROWS("http-response", kProxies),
    WEIR_COUNTER_ROWS("tcp-request connection", kFrontends),
    WEIR_COUNTER_ROWS("tcp-request session", kFrontends),
    WEIR_COUNTER_ROWS("tcp-request content", kProxies),
    WEIR_COUNTER_ROWS("tcp-response content", kBackends),
    WEIR_COUNTER_ROWS("http-request", kProxies),
    WEIR_COUNTER_ROWS("http-response", kProxies),
    WEIR_COUNTER_ROWS("http-after-response", kProxies),
};

}  // namespace

const config::Table kTrackTable = kRows;

}  // namespace weir::haproxy
