// Rules that change headers: set-header, add-header, del-header, replace-header and replace-value of http-request,
// http-response and http-after-response (configuration.txt 4.4).
#include <fmt/format.h>

#include "expr/regex.h"
#include "haproxy/bind.h"
#include "haproxy/rule.h"
#include "haproxy/tables.h"

namespace weir::haproxy {
namespace {

struct SetHeader : Rule {
  Str name;
  http::Name id;
  const LogFormat* value;
};

struct DeleteHeader : Rule {
  enum class Match : uint8_t { exact, beg, end, sub, reg };
  Match match = Match::exact;
  Str name;
  http::Name id;
  const expr::Regex* regex = nullptr;
};

struct ReplaceHeader : Rule {
  Str name;
  const expr::Regex* regex;
  const LogFormat* value;
  bool each_value;  // replace-value: the parts between commas
};

http::HeaderList& headers_of(Transaction& txn, const Rule& rule) {
  return rule.response ? txn.response.headers : txn.request.headers;
}

// Host decides routing, so the parsed authority follows the header.
void header_changed(Transaction& txn, const Rule& rule, http::Name id, Str value) {
  if (!rule.response && id == http::Name::host) txn.request.authority = value;
}

Next set_header(Transaction& txn, Cursor&, const void* conf) {
  auto& rule = *static_cast<const SetHeader*>(conf);
  expr::Ctx ctx = context_for(txn, rule.response);
  if (!applies(rule, ctx)) return Next::next;
  Str value = header_text(*rule.value, ctx);
  http::HeaderList& headers = headers_of(txn, rule);
  if (rule.id != http::Name::other)
    headers.set(rule.id, rule.name, value);
  else
    headers.set(rule.name, value);
  header_changed(txn, rule, rule.id, value);
  return Next::next;
}

Next add_header(Transaction& txn, Cursor&, const void* conf) {
  auto& rule = *static_cast<const SetHeader*>(conf);
  expr::Ctx ctx = context_for(txn, rule.response);
  if (!applies(rule, ctx)) return Next::next;
  headers_of(txn, rule).add(rule.name, header_text(*rule.value, ctx), rule.id);
  return Next::next;
}

// HAProxy sees header names in lower case: that is what a regular expression is matched against.
bool name_matches(const DeleteHeader& rule, Str name) {
  size_t n = rule.name.size();
  switch (rule.match) {
    case DeleteHeader::Match::exact: return iequals(name, rule.name);
    case DeleteHeader::Match::beg: return istarts_with(name, rule.name);
    case DeleteHeader::Match::end: return name.size() >= n && iequals(name.substr(name.size() - n), rule.name);
    case DeleteHeader::Match::sub:
      for (size_t i = 0; i + n <= name.size(); i++)
        if (iequals(name.substr(i, n), rule.name)) return true;
      return false;
    case DeleteHeader::Match::reg: {
      std::string lowered(name);
      for (char& c : lowered) c = lower(c);
      return rule.regex->test(lowered);
    }
  }
  return false;
}

Next delete_header(Transaction& txn, Cursor&, const void* conf) {
  auto& rule = *static_cast<const DeleteHeader*>(conf);
  if (!applies(rule, context_for(txn, rule.response))) return Next::next;
  http::HeaderList& headers = headers_of(txn, rule);
  if (rule.match == DeleteHeader::Match::exact) {
    if (rule.id != http::Name::other)
      headers.remove(rule.id);
    else
      headers.remove(rule.name);
    return Next::next;
  }
  for (http::Header& h : headers)
    if (!h.removed && name_matches(rule, h.name)) h.removed = true;
  return Next::next;
}

// What takes the place of the whole value, in the arena; data() null when the expression matches nowhere in it.
Str replaced(const ReplaceHeader& rule, const expr::Ctx& ctx, Str value) {
  if (!rule.regex->test(value)) return {};
  std::string text(render(*rule.value, ctx));
  // Matched again: rendering may have used the thread's match object.
  std::string out;
  expr::expand_backrefs(text, rule.regex->match(value), out);
  return ctx.arena->dup(out);
}

// The parts between commas, each replaced on its own with the spaces around it; quoted commas do not split.
Str replaced_values(const ReplaceHeader& rule, const expr::Ctx& ctx, Str value) {
  std::string out;
  bool changed = false;
  size_t at = 0;
  while (at <= value.size()) {
    size_t end = at;
    bool quoted = false;
    while (end < value.size() && (quoted || value[end] != ',')) {
      if (value[end] == '"') quoted = !quoted;
      if (value[end] == '\\' && quoted && end + 1 < value.size()) end++;
      end++;
    }
    Str whole = value.substr(at, end - at);
    Str now = replaced(rule, ctx, trim(whole));
    out.append(now.data() ? now : whole);
    changed |= now.data() != nullptr;
    if (end >= value.size()) break;
    out += ',';
    at = end + 1;
  }
  return changed ? ctx.arena->dup(out) : Str{};
}

Next replace_header(Transaction& txn, Cursor&, const void* conf) {
  auto& rule = *static_cast<const ReplaceHeader*>(conf);
  expr::Ctx ctx = context_for(txn, rule.response);
  if (!applies(rule, ctx)) return Next::next;
  http::HeaderList& headers = headers_of(txn, rule);
  for (http::Header* h = headers.find(rule.name); h; h = headers.find(rule.name, h)) {
    Str value = rule.each_value ? replaced_values(rule, ctx, h->value) : replaced(rule, ctx, h->value);
    if (!value.data()) continue;
    h->value = value;
    header_changed(txn, rule, h->id, value);
  }
  return Next::next;
}

void bind_set_header(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Words args;
  auto* rule = new_rule<SetHeader>(scope, d, row, args);
  if (!rule || !enough(scope, d, args, 2, row) || !no_more(scope, args, 2, row)) return;
  rule->name = args[0].text;
  rule->id = http::name_id(rule->name);
  ParseEnv env = scope.env();
  rule->value = compile_log_format(args[1], FormatUse::header, place_of(scope, rule->set), env);
  if (!rule->value) return;
  bool add = row.name.ends_with("add-header");
  add_rule(scope, d, *rule, add ? add_header : set_header);
}

bool read_match(Scope& scope, const Word& word, DeleteHeader& rule) {
  using Match = DeleteHeader::Match;
  constexpr std::pair<Str, Match> kMatches[] = {
      {"str", Match::exact}, {"beg", Match::beg}, {"end", Match::end}, {"sub", Match::sub}, {"reg", Match::reg}};
  for (auto& [name, match] : kMatches)
    if (word == name) {
      rule.match = match;
      return true;
    }
  scope.error(word.where, fmt::format("'{}' is not a way of matching header names", word.text),
              "one of str, beg, end, sub, reg");
  return false;
}

const expr::Regex* compile_regex(Scope& scope, const Word& word) {
  std::string problem;
  const expr::Regex* regex = expr::Regex::compile(scope.arena, word.text, expr::Regex::kNone, problem);
  if (!regex)
    scope.error(word.where, fmt::format("the regular expression does not compile: {}", problem), {},
                fmt::format("failed to parse the regex : {}", problem));
  return regex;
}

void bind_delete_header(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Words args;
  auto* rule = new_rule<DeleteHeader>(scope, d, row, args);
  if (!rule || !enough(scope, d, args, 1, row)) return;
  rule->name = args[0].text;
  rule->id = http::name_id(rule->name);
  size_t used = 1;
  if (args.size() > 1 && args[1] == "-m") {
    if (!enough(scope, d, args, 3, row) || !read_match(scope, args[2], *rule)) return;
    used = 3;
  }
  if (!no_more(scope, args, used, row)) return;
  if (rule->match == DeleteHeader::Match::reg && !(rule->regex = compile_regex(scope, args[0]))) return;
  add_rule(scope, d, *rule, delete_header);
}

void bind_replace_header(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Words args;
  auto* rule = new_rule<ReplaceHeader>(scope, d, row, args);
  if (!rule || !enough(scope, d, args, 3, row) || !no_more(scope, args, 3, row)) return;
  rule->name = args[0].text;
  rule->each_value = row.name.ends_with("replace-value");
  ParseEnv env = scope.env();
  rule->regex = compile_regex(scope, args[1]);
  rule->value = compile_log_format(args[2], FormatUse::header, place_of(scope, rule->set), env);
  if (rule->regex && rule->value) add_rule(scope, d, *rule, replace_header);
}

constexpr Str kSet = "<name> <fmt> [ { if | unless } <condition> ]";
constexpr Str kDelete = "<name> [ -m <meth> ] [ { if | unless } <condition> ]";
constexpr Str kReplace = "<name> <match-regex> <replace-fmt> [ { if | unless } <condition> ]";

constexpr Row kRows[] = {
    rule_row("http-request set-header", kProxies, 2, -1, bind_set_header, kSet,
             "set a request header, replacing others of its name"),
    rule_row("http-response set-header", kProxies, 2, -1, bind_set_header, kSet,
             "set a response header, replacing others of its name"),
    rule_row("http-after-response set-header", kProxies, 2, -1, bind_set_header, kSet,
             "set a header of any response, also those made here"),
    rule_row("http-request add-header", kProxies, 2, -1, bind_set_header, kSet, "append a request header"),
    rule_row("http-response add-header", kProxies, 2, -1, bind_set_header, kSet, "append a response header"),
    rule_row("http-after-response add-header", kProxies, 2, -1, bind_set_header, kSet,
             "append a header to any response, also those made here"),
    rule_row("http-request del-header", kProxies, 1, -1, bind_delete_header, kDelete, "remove request headers by name"),
    rule_row("http-response del-header", kProxies, 1, -1, bind_delete_header, kDelete,
             "remove response headers by name"),
    rule_row("http-after-response del-header", kProxies, 1, -1, bind_delete_header, kDelete,
             "remove headers of any response by name"),
    rule_row("http-request replace-header", kProxies, 3, -1, bind_replace_header, kReplace,
             "rewrite the values of a request header by expression"),
    rule_row("http-response replace-header", kProxies, 3, -1, bind_replace_header, kReplace,
             "rewrite the values of a response header by expression"),
    rule_row("http-after-response replace-header", kProxies, 3, -1, bind_replace_header, kReplace,
             "rewrite the values of a header of any response by expression"),
    rule_row("http-request replace-value", kProxies, 3, -1, bind_replace_header, kReplace,
             "rewrite each comma-separated value of a request header"),
    rule_row("http-response replace-value", kProxies, 3, -1, bind_replace_header, kReplace,
             "rewrite each comma-separated value of a response header"),
    rule_row("http-after-response replace-value", kProxies, 3, -1, bind_replace_header, kReplace,
             "rewrite each comma-separated value of a header of any response"),
};

}  // namespace

const config::Table kHeaderRuleTable = kRows;

}  // namespace weir::haproxy
