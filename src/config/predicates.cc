// Parser and evaluator of config/condition.h, and the public evaluate_condition. Predicates have no effects, so each is
// evaluated as soon as it is read; a part that cannot be read is an error even where its value would not count.
#include <fmt/format.h>

#include <array>
#include <cstdlib>

#include "config/condition.h"
#include "config/line_words.h"

namespace weir::config {
namespace {

constexpr int kMaxDepth = 256;  // of parentheses

struct Parser;
using Answer = bool (*)(const Parser&, const std::array<std::string, 2>&);

struct Predicate {
  Str name;
  size_t args;
  Answer answer;
};

struct Parser {
  Str text;
  const Predicates& predicates;
  const Environment& environment;
  size_t pos = 0;
  std::string error;
  size_t error_at = 0;

  char peek(size_t ahead = 0) const { return pos + ahead < text.size() ? text[pos + ahead] : '\0'; }
  void skip_blanks() {
    while (peek() == ' ' || peek() == '\t') pos++;
  }
  bool fail(std::string message, size_t at) {
    error = std::move(message);
    error_at = at;
    return false;
  }
  bool unparsable(size_t at) {
    return fail(fmt::format("unparsable conditional expression '{}'", text.substr(at)), at);
  }

  bool disjunction(bool& value, int depth);
  bool conjunction(bool& value, int depth);
  bool term(bool& value, int depth);
  bool parenthesis(bool& value, int depth);
  bool number(bool& value);
  bool predicate(bool& value);
  bool arguments(const Predicate& p, std::array<std::string, 2>& args);
  bool argument(std::string& out);
};

template <std::function<bool(Str)> Predicates::* member>
bool ask(const Parser& p, const std::array<std::string, 2>& args) {
  const auto& f = p.predicates.*member;
  return f && f(args[0]);
}

using Args = std::array<std::string, 2>;

// HAProxy's `fips_mode()` is false here: OpenSSL runs with its default provider.
constexpr std::array<Predicate, 14> kPredicates = {{
    {"defined", 1, [](const Parser& p, const Args& a) { return p.environment.get(a[0]).has_value(); }},
    {"feature", 1, ask<&Predicates::feature>},
    {"streq", 2, [](const Parser&, const Args& a) { return a[0] == a[1]; }},
    {"strneq", 2, [](const Parser&, const Args& a) { return a[0] != a[1]; }},
    {"strstr", 2, [](const Parser&, const Args& a) { return a[0].find(a[1]) != std::string::npos; }},
    {"version_atleast", 1, ask<&Predicates::version_atleast>},
    {"version_before", 1, ask<&Predicates::version_before>},
    {"openssl_version_atleast", 1, ask<&Predicates::openssl_version_atleast>},
    {"openssl_version_before", 1, ask<&Predicates::openssl_version_before>},
    {"ssllib_name_startswith", 1, ask<&Predicates::ssllib_name_startswith>},
    {"awslc_api_atleast", 1, ask<&Predicates::awslc_api_atleast>},
    {"awslc_api_before", 1, ask<&Predicates::awslc_api_before>},
    {"enabled", 1, ask<&Predicates::enabled>},
    {"fips_mode", 0, [](const Parser&, const Args&) { return false; }},
}};

bool Parser::disjunction(bool& value, int depth) {
  value = false;
  for (;;) {
    bool part = false;
    if (!conjunction(part, depth)) return false;
    value = value || part;
    skip_blanks();
    if (peek() != '|' || peek(1) != '|') return true;
    pos += 2;
  }
}

bool Parser::conjunction(bool& value, int depth) {
  value = true;
  for (;;) {
    bool part = false;
    if (!term(part, depth)) return false;
    value = value && part;
    skip_blanks();
    if (peek() != '&' || peek(1) != '&') return true;
    pos += 2;
  }
}

bool Parser::term(bool& value, int depth) {
  skip_blanks();
  size_t start = pos;
  bool negated = false;
  while (peek() == '!') {
    negated = !negated;
    pos++;
    skip_blanks();
  }
  if (peek() == '\0' || depth <= 0) return unparsable(start);
  if (!number(value)) {
    bool ok = peek() == '(' ? parenthesis(value, depth) : predicate(value);
    if (!ok) return error.empty() ? unparsable(start) : false;
  }
  value = value != negated;
  return true;
}

bool Parser::number(bool& value) {
  std::string rest(text.substr(pos));
  char* end = nullptr;
  long n = strtol(rest.c_str(), &end, 0);
  if (end == rest.c_str()) return false;
  pos += static_cast<size_t>(end - rest.c_str());
  value = n != 0;
  return true;
}

bool Parser::parenthesis(bool& value, int depth) {
  size_t start = pos++;
  if (!disjunction(value, depth - 1)) return false;
  skip_blanks();
  if (peek() != ')') {
    return fail(fmt::format("expected ')' after conditional expression '{}'", text.substr(start)), start);
  }
  pos++;
  return true;
}

bool Parser::predicate(bool& value) {
  Str name = text.substr(pos, text.find_first_of(" (", pos) - pos);
  for (const Predicate& p : kPredicates) {
    if (p.name != name) continue;
    pos += name.size();
    Args args;
    if (!arguments(p, args)) return false;
    value = p.answer(*this, args);
    return true;
  }
  return false;
}

bool Parser::arguments(const Predicate& p, Args& args) {
  size_t got = 0;
  bool open = peek() == '(';
  if (open) {
    pos++;
    while (got < p.args) {
      if (!argument(args[got])) return false;
      got++;
      if (peek() != ',' || got == p.args) break;
      pos++;
    }
  }
  auto complain = [&](const std::string& what) {
    return fail(fmt::format("{} in argument {} of predicate '{}' used in conditional expression", what, got, p.name),
                pos);
  };
  if (got < p.args) return complain(fmt::format("missing arguments (got {}/{}), type 'string' expected", got, p.args));
  if (!open) return true;
  if (peek() != ')')
    return complain(pos < text.size() ? fmt::format("expected ')' before '{}'", text.substr(pos)) : "expected ')'");
  pos++;
  return true;
}

// One argument up to an unquoted `,` or `)`, with the second level of quotes taken off.
bool Parser::argument(std::string& out) {
  char quote = 0;
  while (pos < text.size()) {
    char c = text[pos];
    if ((c == '"' || c == '\'') && (quote == 0 || quote == c)) {
      quote = quote ? 0 : c;
    } else if (c == '\\' && quote != '\'') {
      char next = peek(1);
      if (next == '\0') return fail("a backslash at the end of the condition escapes nothing", pos);
      size_t at = Str("\\ \"'rnt").find(next);
      if (at == Str::npos) {
        out += c;
      } else {
        out += "\\ \"'\r\n\t"[at];
        pos++;
      }
    } else if (quote == 0 && (c == ',' || c == ')')) {
      return true;
    } else {
      out += c;
    }
    pos++;
  }
  return true;
}

}  // namespace

Condition evaluate_joined(Str text, const Predicates& predicates, const Environment& environment) {
  Condition out;
  if (text.empty()) {
    out.result.ok = true;
    return out;
  }
  Parser parser{text, predicates, environment, 0, {}, 0};
  bool value = false;
  bool ok = parser.disjunction(value, kMaxDepth);
  if (ok) {
    parser.skip_blanks();
    if (parser.pos < text.size())
      ok = parser.fail(
          fmt::format("unexpected character '{}' at the end of conditional expression '{}'", text[parser.pos], text),
          parser.pos);
  }
  out.result = {ok, ok && value, parser.error};
  out.position = parser.error_at;
  return out;
}

std::string join_words(const std::vector<Word>& words, size_t first) {
  std::string out;
  for (size_t i = first; i < words.size(); i++) {
    if (i > first) out += ' ';
    out += words[i].text;
  }
  return out;
}

ConditionResult evaluate_condition(Str condition, const Predicates& predicates) {
  Tree tree;
  Diagnostics diag;
  Environment environment;
  Source source{"-cc", std::string(condition)};
  Cursor cursor(source);
  std::vector<Word> words;
  LineWords splitter(tree, diag, environment);
  if (splitter.line(cursor, words) == WordsEnd::failed) return {false, false, diag.all().front().text};
  return evaluate_joined(join_words(words, 0), predicates, environment).result;
}

}  // namespace weir::config
