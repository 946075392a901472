// See nginx/idle_values.h. The syntax of a row is read as the manual writes it: alternatives with "|", "key=value"
// in any order, brackets around what may be missing.
#include "nginx/idle_values.h"

#include <fmt/format.h>

#include <algorithm>

namespace weir::nginx {
namespace {

using Check = bool (*)(Str);

bool anything(Str) {
  return true;
}
bool is_size(Str text) {
  uint64_t n = 0;
  return parse_size(text, n);
}
bool is_number(Str text) {
  return parse_u64(text).has_value();
}
bool is_count(Str text) {
  return parse_u64(text).value_or(0) > 0;
}
bool is_time(Str text) {
  uint64_t ms = 0;
  return parse_ms(text, ms);
}

struct Kind {
  Str name;
  Check check;
  Str expected;
};
constexpr Kind kKinds[] = {
    {"size", is_size, "a size such as 8k or 1m"},
    {"number", is_number, "a number"},
    {"N", is_count, "a number above 0"},
    {"time", is_time, "a time such as 60s"},
    {"interval", is_time, "a time such as 60s"},
    {"name", anything, ""},
    {"threads[=pool]", [](Str text) { return text == "threads" || text.starts_with("threads="); }, "threads"},
};
constexpr Str kLiterals[] = {"on", "off", "abort", "stop"};

// One argument as the syntax has it.
struct Token {
  Str key;  // of key=value
  const Kind* kind = nullptr;
  Str literal;
  size_t place = 0;  // where the argument stands
  bool optional = false;

  bool takes(Str text) const {
    if (!literal.empty()) return iequals(text, literal);
    if (key.empty()) return kind->check(text);
    return text.starts_with(key) && text.substr(key.size()).starts_with('=') &&
           kind->check(text.substr(key.size() + 1));
  }
};

const Kind* kind_of(Str name) {
  const auto* found = std::ranges::find(kKinds, name, &Kind::name);
  return found == std::end(kKinds) ? nullptr : found;
}

// False: something in it has no meaning here.
bool read_token(Str text, Token& out) {
  if (text.starts_with('[') && text.ends_with(']')) {
    out.optional = true;
    text = text.substr(1, text.size() - 2);
  }
  if ((out.kind = kind_of(text))) return true;
  if (std::ranges::find(kLiterals, text) != std::end(kLiterals)) {
    out.literal = text;
    return true;
  }
  size_t eq = text.find('=');
  if (eq == Str::npos) return false;
  out.key = text.substr(0, eq);
  return (out.kind = kind_of(text.substr(eq + 1)));
}

// The syntax of a row; empty where it cannot be checked.
std::vector<Token> tokens_of(const Row& row) {
  std::vector<Token> tokens;
  Str rest = row.syntax;
  bool alternative = true;
  size_t place = 0;
  while (!rest.empty()) {
    Str text = cut(rest, ' ');
    if (text == "|") {
      alternative = true;
      continue;
    }
    Token token;
    if (!read_token(text, token)) return {};
    // The manual says "size" of hash tables, and numbers are meant.
    if (row.name.find("_hash_") != Str::npos && text == "size") token.kind = kind_of("number");
    if (!alternative) place++;
    token.place = place;
    alternative = false;
    tokens.push_back(token);
  }
  return tokens;
}

void report(Scope& scope, const Directive& d, size_t arg, const std::vector<const Token*>& allowed) {
  const config::Word& w = d.arg(arg);
  Str name = d.name();
  if (std::ranges::all_of(allowed, [](const Token* t) { return t->literal == "on" || t->literal == "off"; })) {
    scope.error(w.where,
                fmt::format("invalid value \"{}\" in \"{}\" directive, it must be \"on\" or \"off\"", w.text, name),
                "write on or off");
    return;
  }
  std::string expected;
  for (const Token* t : allowed) {
    if (!expected.empty()) expected += " or ";
    if (!t->key.empty()) expected += fmt::format("{}= with ", t->key);
    expected += t->literal.empty() ? t->kind->expected : t->literal;
  }
  auto& e = scope.error(w.where, fmt::format("invalid value \"{}\" in \"{}\" directive", w.text, name),
                        fmt::format("expected {}", expected));
  const bool keyed = std::ranges::any_of(allowed, [](const Token* t) { return !t->key.empty(); });
  const bool number = d.args() == 1 && std::ranges::all_of(allowed, [](const Token* t) {
                        return t->kind && t->kind->check == is_number;
                      });
  e.product = keyed ? fmt::format("invalid \"{}\" parameter \"{}\"", name, w.text)
                    : fmt::format("\"{}\" directive invalid {}", name, number ? "number" : "value");
}

}  // namespace

bool check_idle_values(Scope& scope, const Directive& d, const Row& row) {
  const std::vector<Token> tokens = tokens_of(row);
  if (tokens.empty()) return true;
  const bool keyed = std::ranges::any_of(tokens, [](const Token& t) { return !t.key.empty(); });
  std::vector<const Token*> used;
  for (size_t i = 0; i < d.args(); i++) {
    std::vector<const Token*> allowed;
    for (const Token& t : tokens)
      if (keyed ? i == 0 || !t.key.empty() : t.place == i) allowed.push_back(&t);
    if (allowed.empty()) continue;
    auto taken = std::ranges::find_if(allowed, [&](const Token* t) { return t->takes(d.arg(i).text); });
    if (taken == allowed.end()) {
      report(scope, d, i, allowed);
      return false;
    }
    used.push_back(*taken);
  }
  for (const Token& t : tokens) {
    bool instead = std::ranges::any_of(used, [&](const Token* u) { return !u->literal.empty(); });
    if (t.key.empty() || t.optional || instead || std::ranges::find(used, &t) != used.end()) continue;
    scope.error(d.where, fmt::format("\"{}\" must have the \"{}\" parameter", row.name, t.key));
    return false;
  }
  return true;
}

}  // namespace weir::nginx
