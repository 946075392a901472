// See nginx/health_match.h.
#include "nginx/health_match.h"

#include <fmt/format.h>

#include "expr/regex.h"
#include "proxy/transaction.h"

namespace weir::nginx {

namespace {

constexpr size_t kMostBody = 256 * 1024;  // bytes of a body that are looked at

enum class Op : uint8_t { there, missing, equal, differs, matches, matches_not };

struct HeaderTest {
  Str name;
  Op op = Op::there;
  Str value;
  const expr::Regex* regex = nullptr;
};
struct Codes {
  uint16_t low, high;
};

}  // namespace

struct HealthMatch {
  Str name;
  ArenaList<Codes> codes;
  bool other_codes = false;  // status ! …: none of them
  ArenaList<HeaderTest> headers;
  const expr::Regex* body = nullptr;
  bool other_body = false;
  ArenaList<const Variable*> required;
};

namespace {

struct Matches {
  std::vector<HealthMatch*> all;
  HealthMatch* current = nullptr;
};

Scope& scope_of(void* s) {
  return *static_cast<Scope*>(s);
}
HealthMatch& current(Scope& scope) {
  return *scope.main<Matches>(kHealthMatchModule).current;
}

void refuse(Scope& scope, const config::Where& where, std::string text, std::string remedy = {}) {
  auto& e = scope.error(where, std::move(text), std::move(remedy));
  e.product = e.text;
}

void bind_match(void* s, const Directive& d, const Row&) {
  Scope& scope = scope_of(s);
  auto& matches = scope.main<Matches>(kHealthMatchModule);
  if (find_match(scope, d.arg(0).text))
    return refuse(scope, d.arg(0).where, fmt::format("duplicate match \"{}\"", d.arg(0).text));
  auto* match = scope.arena.make<HealthMatch>();
  match->name = d.arg(0).text;
  matches.all.push_back(match);
  matches.current = match;
  scope.bind_block(d, kMatch);
  matches.current = nullptr;
}

void bind_status(void* s, const Directive& d, const Row&) {
  Scope& scope = scope_of(s);
  HealthMatch& m = current(scope);
  size_t at = 0;
  if (d.arg(0).text == "!") {
    m.other_codes = true;
    at = 1;
  }
  if (at == d.args()) return refuse(scope, d.where, "invalid number of arguments in \"status\" directive");
  for (; at < d.args(); at++) {
    Str range = d.arg(at).text;
    Str first = cut(range, '-');
    auto low = parse_u64(first), high = range.empty() ? low : parse_u64(range);
    if (!low || !high || *low > *high || *high > 999)
      return refuse(scope, d.arg(at).where, fmt::format("invalid status \"{}\"", d.arg(at).text), "200, 200-399");
    m.codes.push(scope.arena, {static_cast<uint16_t>(*low), static_cast<uint16_t>(*high)});
  }
}

const expr::Regex* regex_of(Scope& scope, const config::Word& word) {
  std::string problem;
  const expr::Regex* regex = expr::Regex::compile(scope.arena, word.text, 0, problem);
  if (!regex) refuse(scope, word.where, problem);
  return regex;
}

void bind_header(void* s, const Directive& d, const Row&) {
  Scope& scope = scope_of(s);
  HealthMatch& m = current(scope);
  HeaderTest t;
  if (d.args() == 1) {
    t.name = d.arg(0).text;
  } else if (d.args() == 2 && d.arg(0).text == "!") {
    t.name = d.arg(1).text;
    t.op = Op::missing;
  } else if (d.args() == 3) {
    constexpr std::pair<Str, Op> kOps[] = {
        {"=", Op::equal}, {"!=", Op::differs}, {"~", Op::matches}, {"!~", Op::matches_not}};
    for (auto [text, op] : kOps)
      if (d.arg(1).text == text) t.op = op;
    if (t.op == Op::there)
      return refuse(scope, d.arg(1).where, fmt::format("invalid operator \"{}\"", d.arg(1).text), "=, !=, ~ or !~");
    t.name = d.arg(0).text;
    t.value = d.arg(2).text;
    if (t.op >= Op::matches && !(t.regex = regex_of(scope, d.arg(2)))) return;
  } else {
    return refuse(scope, d.where, "invalid number of arguments in \"header\" directive");
  }
  m.headers.push(scope.arena, t);
}

void bind_body(void* s, const Directive& d, const Row&) {
  Scope& scope = scope_of(s);
  HealthMatch& m = current(scope);
  if (d.arg(0).text != "~" && d.arg(0).text != "!~")
    return refuse(scope, d.arg(0).where, fmt::format("invalid operator \"{}\"", d.arg(0).text), "~ or !~");
  if (m.body) return refuse(scope, d.where, "\"body\" directive is duplicate");
  m.other_body = d.arg(0).text == "!~";
  m.body = regex_of(scope, d.arg(1));
}

void bind_require(void* s, const Directive& d, const Row&) {
  Scope& scope = scope_of(s);
  for (size_t i = 0; i < d.args(); i++) {
    Str name = d.arg(i).text;
    if (!name.starts_with('$') || name.size() < 2) {
      refuse(scope, d.arg(i).where, fmt::format("invalid variable name \"{}\"", name), "write: require $name");
      continue;
    }
    current(scope).required.push(scope.arena, scope.http->variables.use(scope.arena, name.substr(1), d.arg(i).where));
  }
}

constexpr Row kTable[] = {
    {"match", kHttp, 1, 1, Block::required, Inherit::none, bind_match, "name { ... }",
     "Names a set of tests for the responses to health checks."},
    {"status", kMatch, 1, -1, Block::none, Inherit::none, bind_status, "[!] code ... | [!] code-code ...",
     "Tests the status of a health check response."},
    {"header", kMatch, 1, -1, Block::none, Inherit::none, bind_header, "name [operator value] | ! name",
     "Tests a header of a health check response."},
    {"body", kMatch, 2, 2, Block::none, Inherit::none, bind_body, "~ regex | !~ regex",
     "Tests the body of a health check response."},
    {"require", kMatch, 1, -1, Block::none, Inherit::none, bind_require, "$variable ...",
     "Demands that all these variables are not empty and not 0."},
};

// --- looking ---

bool status_fits(const HealthMatch* m, uint16_t status) {
  if (!m || m->codes.empty()) return m ? true : status >= 200 && status < 400;
  bool listed = false;
  for (const Codes& c : m->codes) listed |= status >= c.low && status <= c.high;
  return listed != m->other_codes;
}

bool header_fits(const HeaderTest& t, const http::Message& head) {
  const http::Header* h = head.headers.find(t.name);
  if (t.op == Op::missing || !h) return (t.op == Op::missing) == !h;
  switch (t.op) {
    case Op::equal: return h->value == t.value;
    case Op::differs: return h->value != t.value;
    case Op::matches: return t.regex->test(h->value);
    case Op::matches_not: return !t.regex->test(h->value);
    default: return true;
  }
}

bool variables_fit(health::Run& run, const HealthMatch& m) {
  if (m.required.empty()) return true;
  proxy::Transaction* txn = run.exchange();
  if (!txn) return false;
  for (const Variable* v : m.required) {
    Str text = get_text(*txn, *v);
    if (text.empty() || text == "0") return false;
  }
  return true;
}

}  // namespace

const HealthMatch* find_match(Scope& scope, Str name) {
  for (const HealthMatch* m : scope.main<Matches>(kHealthMatchModule).all)
    if (m->name == name) return m;
  return nullptr;
}

std::string look_at_answer(health::Run& run, const HealthMatch* m, bool last, bool& more) {
  auto state = run.answer().read(run, last);
  const http::Message* head = run.answer().head();
  if (state == health::HttpAnswer::State::bad) return "upstream sent invalid header";
  if (!head) {
    more = !last;
    return last ? "upstream prematurely closed connection" : "";
  }
  run.set_code(head->status);
  if (!status_fits(m, head->status)) return fmt::format("unexpected status {}", head->status);
  if (!m) return {};
  for (const HeaderTest& t : m->headers)
    if (!header_fits(t, *head)) return fmt::format("unexpected header \"{}\"", t.name);
  if (!variables_fit(run, *m)) return "a required variable is not set";
  if (!m->body) return {};
  Str body = run.answer().body().substr(0, kMostBody);
  bool whole = state == health::HttpAnswer::State::done || body.size() == kMostBody;
  bool found = m->body->test(body);
  if (!whole && !found) {
    more = true;
    return {};
  }
  return found != m->other_body ? "" : "unexpected body";
}

const Module kHealthMatchModule{"health_match", 0, nullptr, kTable};

}  // namespace weir::nginx
