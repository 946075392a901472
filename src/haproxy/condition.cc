// Conditions: `if` and `unless` with names, `!`, `or`, and anonymous ACLs in braces.
#include <fmt/format.h>

#include <algorithm>

#include "haproxy/acl.h"

namespace weir::haproxy {
namespace {

using config::Word;

bool is_or(Str word) {
  return word == "||" || iequals(word, "or");
}

// Says which ACLs can never match at this place, or only in part.
void warn_about_place(const Acl& acl, const Place& place, config::Where where, config::Diagnostics& diag) {
  for (const AclExpr& e : acl.exprs) {
    if (available(*e.sample, place)) continue;
    if (acl.name.empty())
      diag.warning(where,
                   fmt::format("anonymous acl will never match because it uses keyword '{}' which is incompatible with "
                               "'{}'",
                               e.keyword, place.name));
    else if (!acl.usable(place))
      diag.warning(where,
                   fmt::format("acl '{}' will never match because it only involves keywords that are incompatible with "
                               "'{}'",
                               acl.name, place.name));
    else
      diag.warning(where, fmt::format("acl '{}' involves keyword '{}' which is incompatible with '{}'", acl.name,
                                      e.keyword, place.name));
    return;
  }
}

}  // namespace

Outcome Condition::test(const expr::Ctx& ctx) const {
  int any = 0;
  for (const auto& suite : suites) {
    int all = 3;
    for (const Term& t : suite) {
      int one = static_cast<int>(t.acl->test(ctx));
      all &= t.negated ? 3 >> one : one;
      if (all != 3) break;
    }
    any |= all;
    if (any == 3) break;
  }
  return static_cast<Outcome>(unless ? 3 >> any : any);
}

// The ACL that words[at] names or opens; `at` is left on its last word.
const Acl* Acls::term(std::span<const Word> words, size_t& at, Str word, ParseEnv& env) {
  if (word == "{") {
    size_t open = at;
    while (at < words.size() && !(words[at] == "}")) at++;
    if (at == words.size()) return env.diag.error(words[open].where, "missing closing '}' in condition"), nullptr;
    if (at == open + 1) return env.diag.error(words[open].where, "missing fetch method in ACL expression"), nullptr;
    return add({}, words.subspan(open + 1, at - open - 1), env);
  }
  if (const Acl* acl = find(word, env)) return acl;
  Str near = config::nearest(word, names());
  std::string remedy = near.empty() ? std::string{} : fmt::format("did you mean '{}'?", near);
  if (word == "&&" || iequals(word, "and")) remedy = "names that stand side by side are all required: leave it out";
  env.diag.error(words[at].where, fmt::format("no such ACL : '{}'", word), remedy);
  return nullptr;
}

const Condition* Acls::parse_terms(std::span<const Word> words, ParseEnv& env) {
  auto* c = env.arena.make<Condition>();
  bool negated = false;
  bool fresh = true;
  std::string text;
  for (size_t at = 0; at < words.size(); at++) {
    Str word = words[at].text;
    for (; word.starts_with('!'); word.remove_prefix(1)) negated = !negated;
    if (word.empty()) continue;
    if (is_or(word)) {
      fresh = true;
      negated = false;
      continue;
    }
    const Acl* acl = term(words, at, word, env);
    if (!acl) return nullptr;
    if (fresh) c->suites.push(env.arena, {});
    fresh = false;
    c->suites[c->suites.size - 1].push(env.arena, {acl, negated});
    negated = false;
  }
  for (const Word& w : words) {
    if (!text.empty()) text += ' ';
    text += w.text;
  }
  c->text = env.arena.dup(text);
  if (!words.empty()) c->where = words[0].where;
  return c;
}

const Condition* Acls::condition(std::span<const Word> words, const Place& place, ParseEnv& env) {
  bool unless = words[0] == "unless";
  if (!unless && !(words[0] == "if")) {
    env.diag.error(words[0].where, "conditions must start after an 'if' or 'unless' statement");
    return nullptr;
  }
  if (words.size() == 1) {
    env.diag.error(words[0].where, fmt::format("missing condition after '{}'", words[0].text));
    return nullptr;
  }
  auto* c = const_cast<Condition*>(parse_terms(words.subspan(1), env));
  if (!c) return nullptr;
  c->unless = unless;
  c->where = words[0].where;
  conditions_.push_back(c);
  std::vector<const Acl*> told;
  for (const auto& suite : c->suites) {
    for (const Condition::Term& t : suite) {
      if (std::find(told.begin(), told.end(), t.acl) != told.end()) continue;
      told.push_back(t.acl);
      warn_about_place(*t.acl, place, words[0].where, env.diag);
    }
  }
  return c;
}

size_t find_condition(std::span<const Word> words, size_t from) {
  while (from < words.size() &&
         !((words[from] == "if" || words[from] == "unless") && words[from].quote == config::Quote::none))
    from++;
  return from;
}

}  // namespace weir::haproxy
