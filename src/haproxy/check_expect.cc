// `tcp-check expect` and `http-check expect` (configuration.txt 4.2, http-check expect): what an answer must be.
#include <fmt/format.h>

#include "expr/encode.h"
#include "expr/regex.h"
#include "haproxy/bind.h"
#include "haproxy/checks.h"
#include "haproxy/log_format.h"
#include "health/run.h"

namespace weir::haproxy {
namespace {

using health::Next;
using health::Run;
using health::Status;

enum class Match : uint8_t {
  none,
  string,
  binary,
  regex,
  binary_regex,
  format,
  binary_format,
  status,
  status_regex,
  header
};
enum class How : uint8_t { str, beg, end, sub, reg };

struct TextPattern {
  How how = How::str;
  Str text;
  const LogFormat* format = nullptr;
  const expr::Regex* regex = nullptr;

  bool fits(Str value, Str wanted, bool fold) const {
    auto same = [fold](Str a, Str b) { return fold ? iequals(a, b) : a == b; };
    switch (how) {
      case How::str: return same(value, wanted);
      case How::beg: return value.size() >= wanted.size() && same(value.substr(0, wanted.size()), wanted);
      case How::end: return value.size() >= wanted.size() && same(value.substr(value.size() - wanted.size()), wanted);
      case How::sub:
        for (size_t i = 0; i + wanted.size() <= value.size(); i++)
          if (same(value.substr(i, wanted.size()), wanted)) return true;
        return false;
      case How::reg: return regex->test(value);
    }
    return false;
  }
};

struct Expect {
  Match match = Match::none;
  bool http = false;
  bool inverse = false;
  bool full_values = false;  // fhdr
  bool has_value = false;
  long min_recv = -1;
  Str data;
  const LogFormat* format = nullptr;
  const expr::Regex* regex = nullptr;
  struct Codes {
    uint16_t low, high;
  };
  ArenaList<Codes> codes;
  TextPattern name, value;
  const LogFormat* on_success = nullptr;
  const LogFormat* on_error = nullptr;
  const expr::Expr* code = nullptr;
  Status wrong = Status::unknown;
  const CheckRules* rules = nullptr;
};

// --- what is said about a result ---

void take_code(Run& run, const Expect& e) {
  expr::Value v;
  expr::Ctx ctx = run.context();
  if (e.code && e.code->eval(ctx, v) && expr::cast(v, expr::Type::string, *ctx.arena) &&
      expr::cast(v, expr::Type::integer, *ctx.arena))
    run.set_code(static_cast<int>(v.integer));
}

Str what_failed(const Expect& e) {
  switch (e.match) {
    case Match::binary: return " (binary)";
    case Match::regex:
    case Match::status_regex: return " (regex)";
    case Match::binary_regex: return " (binary regex)";
    case Match::format: return " (log-format string)";
    case Match::binary_format: return " (log-format binary)";
    case Match::status: return "(status codes)";
    case Match::header: return " (header pattern)";
    default: return {};
  }
}

Next fail(Run& run, const Expect& e, Status status, Str why, bool matched) {
  std::string text(why);
  if (text.empty() && e.on_error) {
    text = render(*e.on_error, run.context());
  } else if (text.empty() && run.input().empty()) {
    text = fmt::format("TCPCHK got an empty response at step {}", run.step().number);
  } else if (text.empty() && (e.http || run.check().program->tells_steps)) {
    text = matched ? "TCPCHK matched unwanted content" : "TCPCHK did not match content";
    if (e.match == Match::string)
      text += fmt::format(" '{}'", e.data);
    else
      text += what_failed(e);
    text += fmt::format(" at step {}", run.step().number);
  }
  if (Str comment = run.step().comment; !comment.empty()) text += fmt::format(" comment: {}", comment);
  take_code(run, e);
  run.finish(status, std::move(text));
  return Next::stop;
}

std::string praise(Run& run, const void* conf) {
  auto& e = *static_cast<const Expect*>(conf);
  std::string text;
  if (e.on_success)
    text = render(*e.on_success, run.context());
  else if (run.check().program->tells_steps)
    text = "(tcp-check)";
  take_code(run, e);
  return text;
}

// --- bytes ---

Status wrong_or(const Expect& e, Status usual) {
  return e.wrong == Status::unknown ? usual : e.wrong;
}

std::string hex_of(Str bytes) {
  std::string out;
  for (unsigned char c : bytes) out += fmt::format("{:02X}", c);
  return out;
}

// What is looked for, where it is a text; false: the run has its result.
bool wanted_text(Run& run, const Expect& e, std::string& out) {
  if (!e.format) {
    out = e.data;
    return true;
  }
  out = render(*e.format, run.context());
  if (out.empty()) {
    fail(run, e, Status::l7_invalid, "log-format string evaluated to an empty string", false);
    return false;
  }
  if (e.match != Match::binary_format) return true;
  std::string bytes;
  bool good = from_hex(out, bytes);
  if (!good)
    fail(run, e, Status::l7_invalid, "Failed to parse hexastring resulting of eval of a log-format string", false);
  out = bytes;
  return good;
}

enum class Found : uint8_t { no, yes, unknown, failed };

// `all`: whether `text` is all that comes.
Found look(Run& run, const Expect& e, Str text, bool all) {
  if (e.match == Match::regex || e.match == Match::binary_regex) {
    if (!all && e.min_recv > 0 && text.size() < static_cast<size_t>(e.min_recv)) return Found::unknown;
    bool match = e.match == Match::regex ? e.regex->test(text) : e.regex->test(hex_of(text));
    return match ? Found::yes : Found::no;
  }
  std::string wanted;
  if (!wanted_text(run, e, wanted)) return Found::failed;
  bool few = text.size() < wanted.size() || (e.min_recv > 0 && text.size() < static_cast<size_t>(e.min_recv));
  if (!all && few) return Found::unknown;
  return text.find(wanted) != Str::npos ? Found::yes : Found::no;
}

Next expect_bytes(Run& run, const void* conf, bool last) {
  auto& e = *static_cast<const Expect*>(conf);
  Found found = look(run, e, run.input(), last);
  if (found == Found::failed) return Next::stop;
  if (found == Found::unknown || (found == Found::no && !last && e.min_recv == -1)) return Next::wait;
  bool match = found == Found::yes;
  if (match != e.inverse) return Next::next;
  return fail(run, e, wrong_or(e, Status::l7_invalid), {}, match);
}

// --- HTTP ---

Next expect_body(Run& run, const Expect& e, bool all) {
  Str body = run.answer().body();
  if (body.empty()) {
    if (!all) return Next::wait;
    Str why = e.on_error ? Str() : Str("HTTP content check could not find a response body");
    return fail(run, e, wrong_or(e, Status::l7_invalid), why, false);
  }
  Found found = look(run, e, body, all);
  if (found == Found::failed) return Next::stop;
  if (found == Found::unknown || (found == Found::no && !all && e.min_recv == -1)) return Next::wait;
  if ((found == Found::yes) != e.inverse) return Next::next;
  Str why = e.inverse ? "HTTP check matched unwanted content" : "HTTP content check did not match";
  return fail(run, e, wrong_or(e, Status::l7_invalid), e.on_error ? Str() : why, e.inverse);
}

bool one_value_fits(const Expect& e, Str value, Str wanted) {
  return e.value.fits(value, wanted, false);
}

bool header_fits(Run& run, const Expect& e, const http::Message& head) {
  Str name = e.name.text, wanted = e.value.text;
  if (e.name.format) name = render(*e.name.format, run.context());
  if (e.value.format) wanted = render(*e.value.format, run.context());
  for (const http::Header& h : head.headers) {
    if (!e.name.fits(h.name, name, true)) continue;
    if (!e.has_value) return true;
    if (e.full_values) {
      if (one_value_fits(e, h.value, wanted)) return true;
      continue;
    }
    for (Str rest = h.value; !rest.empty();)
      if (one_value_fits(e, trim(cut(rest, ',')), wanted)) return true;
    if (h.value.empty() && one_value_fits(e, {}, wanted)) return true;
  }
  return false;
}

bool status_fits(const Expect& e, uint16_t status) {
  if (e.match == Match::status_regex) return e.regex->test(fmt::format("{:03}", status));
  for (auto [low, high] : e.codes)
    if (status >= low && status <= high) return true;
  return false;
}

Next expect_http(Run& run, const void* conf, bool last) {
  auto& e = *static_cast<const Expect*>(conf);
  auto state = run.answer().read(run, last);
  const http::Message* head = run.answer().head();
  if (state == health::HttpAnswer::State::bad) return fail(run, e, Status::l7_invalid, {}, false);
  if (!head) return last ? fail(run, e, Status::l7_invalid, {}, false) : Next::wait;
  run.set_code(head->status);
  if (e.rules->disable_on_404 && head->status == 404 && run.server().state->up.load(std::memory_order_relaxed)) {
    run.finish(Status::l7_conditional);
    return Next::stop;
  }
  if (e.match == Match::string || e.match == Match::regex || e.match == Match::format)
    return expect_body(run, e, state == health::HttpAnswer::State::done);
  bool match = e.match == Match::header ? header_fits(run, e, *head) : status_fits(e, head->status);
  if (match != e.inverse) return Next::next;
  return fail(run, e, wrong_or(e, Status::l7_wrong), e.on_error ? Str() : head->reason, match);
}

// --- reading the line ---

struct Reader {
  Scope& scope;
  Words words;
  size_t at = 0;
  Expect& e;
  health::Step& step;
  bool good = true;

  bool refuse(const Word& word, std::string text, std::string remedy = {}) {
    scope.error(word.where, std::move(text), std::move(remedy));
    return good = false;
  }
  const Word* next(Str of) {
    if (at < words.size()) return &words[at++];
    scope.error(words[at - 1].where, fmt::format("'{}' lacks its argument", of));
    good = false;
    return nullptr;
  }
  const LogFormat* format(const Word& word) {
    ParseEnv env = scope.env();
    const LogFormat* f = compile_log_format(word, FormatUse::text, kAtCheck, env);
    good &= f != nullptr;
    return f;
  }
  const expr::Regex* regex(const Word& word, uint8_t options) {
    std::string problem;
    const expr::Regex* r = expr::Regex::compile(scope.arena, word.text, options, problem);
    if (!r) refuse(word, fmt::format("'{}' is no regular expression: {}", word.text, problem));
    return r;
  }

  struct StatusWord {
    Str word;
    Status status;
  };
  bool status(Str name, std::span<const StatusWord> known, Status& out) {
    const Word* word = next(name);
    if (!word) return false;
    std::string names;
    for (const StatusWord& k : known) {
      if (iequals(k.word, word->text)) {
        out = k.status;
        return true;
      }
      names += fmt::format("{}{}", names.empty() ? "" : ", ", k.word);
    }
    return refuse(*word, fmt::format("'{}' is no status for {}", word->text, name), names);
  }
  bool how(TextPattern& p) {
    constexpr std::pair<Str, How> kHows[] = {
        {"str", How::str}, {"beg", How::beg}, {"end", How::end}, {"sub", How::sub}, {"reg", How::reg}};
    if (at >= words.size() || words[at] != Str("-m")) return true;
    at++;
    const Word* word = next("-m");
    if (!word) return false;
    for (auto [name, method] : kHows) {
      if (*word != name) continue;
      p.how = method;
      return true;
    }
    return refuse(*word, fmt::format("'{}' is no way of matching", word->text), "str, beg, end, sub or reg");
  }
  bool pattern(TextPattern& p, bool is_format, uint8_t options) {
    if (!how(p)) return false;
    const Word* word = next("name");
    if (!word) return false;
    p.text = word->text;
    if (is_format && p.how == How::reg) return refuse(*word, "a format cannot be a regular expression");
    if (is_format) p.format = format(*word);
    if (p.how == How::reg) p.regex = regex(*word, options);
    return good;
  }
  bool header(const Word& keyword) {
    e.match = Match::header;
    e.full_values = keyword == Str("fhdr");
    step.what = "expect HTTP header pattern";
    if (at + 1 >= words.size() || (words[at] != Str("name") && words[at] != Str("name-lf")))
      return refuse(keyword, fmt::format("'{}' lacks 'name' and a pattern", keyword.text),
                    fmt::format("write: {} name NAME", keyword.text));
    bool is_format = words[at++] == Str("name-lf");
    if (!pattern(e.name, is_format, expr::Regex::kIcase)) return false;
    if (at >= words.size() || (words[at] != Str("value") && words[at] != Str("value-lf"))) return true;
    is_format = words[at++] == Str("value-lf");
    e.has_value = true;
    return pattern(e.value, is_format, 0);
  }
  bool codes(const Word& word) {
    for (Str rest = word.text; !rest.empty();) {
      Str range = cut(rest, ',');
      Str first = cut(range, '-');
      auto low = parse_u64(first), high = range.empty() ? low : parse_u64(range);
      if (!low || !high || *low > *high || *high > 999)
        return refuse(word, fmt::format("'{}' is no list of status codes", word.text), "write: 200-399,404");
      e.codes.push(scope.arena, {static_cast<uint16_t>(*low), static_cast<uint16_t>(*high)});
    }
    return true;
  }
  bool body_or_bytes(Str name, const Word& keyword);
  bool option(Str name);
  bool read();
};

struct Kind {
  Str name;
  Match match;
  int8_t http;  // 1: of http-check only, 0: of tcp-check only, -1: of both
  Str what, http_what;
};
constexpr Kind kKinds[] = {
    {"string", Match::string, -1, "string", "HTTP body content"},
    {"rstring", Match::regex, -1, "regex", "HTTP body regex"},
    {"string-lf", Match::format, -1, "log-format string", "log-format HTTP body"},
    {"binary", Match::binary, 0, "binary", ""},
    {"rbinary", Match::binary_regex, 0, "binary regex", ""},
    {"binary-lf", Match::binary_format, 0, "log-format binary", ""},
    {"status", Match::status, 1, "", "HTTP status codes"},
    {"rstatus", Match::status_regex, 1, "", "HTTP status regex"},
};

bool Reader::body_or_bytes(Str name, const Word& keyword) {
  for (const Kind& k : kKinds) {
    if (k.name != name || (k.http >= 0 && k.http != e.http)) continue;
    if (e.match != Match::none) return refuse(keyword, "only one pattern is expected");
    e.match = k.match;
    const Word* word = next(name);
    if (!word) return false;
    std::string what = fmt::format("expect {}", e.http ? k.http_what : k.what);
    std::string bytes;
    switch (k.match) {
      case Match::string:
        e.data = word->text;
        what += fmt::format(" '{}'", word->text);
        break;
      case Match::binary:
        if (!from_hex(word->text, bytes)) return refuse(*word, fmt::format("'{}' is not hexadecimal", word->text));
        e.data = scope.keep(bytes);
        what += fmt::format(" '{}'", hex_of(bytes));
        break;
      case Match::regex:
      case Match::binary_regex:
      case Match::status_regex: e.regex = regex(*word, 0); break;
      case Match::format:
      case Match::binary_format: e.format = format(*word); break;
      case Match::status: codes(*word); break;
      default: break;
    }
    step.what = scope.keep(what);
    return good;
  }
  return refuse(keyword, fmt::format("'{}' is nothing that can be expected here", keyword.text),
                e.http ? "min-recv, comment, string, rstring, string-lf, status, rstatus, hdr or fhdr"
                       : "min-recv, comment, string, rstring, string-lf, binary, rbinary or binary-lf");
}

// True: it was one, good or bad.
bool Reader::option(Str name) {
  constexpr StatusWord kGood[] = {
      {"L7OK", Status::l7_ok}, {"L7OKC", Status::l7_conditional}, {"L6OK", Status::l6_ok}, {"L4OK", Status::l4_ok}};
  constexpr StatusWord kBad[] = {{"L7RSP", Status::l7_invalid},
                                 {"L7STS", Status::l7_wrong},
                                 {"L7OKC", Status::l7_conditional},
                                 {"L6RSP", Status::l6_failed},
                                 {"L4CON", Status::l4_failed}};
  constexpr StatusWord kLate[] = {
      {"L7TOUT", Status::l7_timeout}, {"L6TOUT", Status::l6_timeout}, {"L4TOUT", Status::l4_timeout}};
  if (name == "ok-status") return status(name, kGood, step.passed), true;
  if (name == "error-status") return status(name, kBad, e.wrong), true;
  if (name == "tout-status") return status(name, kLate, step.timed_out), true;
  const Word* word = nullptr;
  if (name == "comment") {
    if ((word = next(name))) step.comment = word->text;
  } else if (name == "on-success") {
    if ((word = next(name))) e.on_success = format(*word);
  } else if (name == "on-error") {
    if ((word = next(name))) e.on_error = format(*word);
  } else if (name == "min-recv") {
    if (!(word = next(name))) return true;
    auto n = word->text == "-1" ? std::optional<uint64_t>(0) : parse_u64(word->text);
    if (!n || *n > INT32_MAX)
      refuse(*word, fmt::format("'{}' is no number of bytes", word->text), "-1 or more");
    else
      e.min_recv = word->text == "-1" ? -1 : static_cast<long>(*n);
  } else if (name == "status-code") {
    if (!(word = next(name))) return true;
    ParseEnv env = scope.env();
    size_t from = at - 1;
    e.code = parse_sample_words(words.subspan(0, at), from, env);
    good &= e.code && require_available(*e.code, kAtCheck, word->where, scope.diag);
  } else {
    return false;
  }
  return true;
}

bool Reader::read() {
  while (at < words.size() && good) {
    Word keyword = words[at++];
    bool pattern = false;
    while (keyword.text.starts_with('!')) {
      e.inverse = !e.inverse;
      pattern = true;
      keyword.text.remove_prefix(1);
      if (keyword.text.empty() && at < words.size()) keyword = words[at++];
    }
    if (!pattern && option(keyword.text)) continue;
    if (e.http && (keyword == Str("hdr") || keyword == Str("fhdr"))) {
      if (e.match != Match::none) return refuse(keyword, "only one pattern is expected");
      header(keyword);
    } else {
      body_or_bytes(keyword.text, keyword);
    }
  }
  if (good && e.match == Match::none) refuse(words[0], "nothing is expected: a pattern is missing");
  return good;
}

}  // namespace

bool read_expect(Scope& scope, Words args, bool http, CheckRule& rule, const Row&) {
  auto* e = scope.arena.make<Expect>();
  e->http = http;
  e->rules = &rules_of(scope);
  Reader reader{scope, args, 0, *e, rule.step};
  if (!reader.read()) return false;
  rule.inverse = e->inverse;
  rule.step.kind = health::Step::Kind::expect;
  rule.step.run = http ? expect_http : expect_bytes;
  rule.step.praise = praise;
  rule.step.conf = e;
  return true;
}

CheckRule* default_http_expect(Scope& scope) {
  auto* e = scope.arena.make<Expect>();
  e->http = true;
  e->match = Match::status;
  e->codes.push(scope.arena, {uint16_t{200}, uint16_t{399}});
  e->rules = &rules_of(scope);
  auto* rule = scope.arena.make<CheckRule>();
  rule->step.kind = health::Step::Kind::expect;
  rule->step.run = expect_http;
  rule->step.praise = praise;
  rule->step.conf = e;
  rule->step.what = "expect HTTP status codes";
  return rule;
}

}  // namespace weir::haproxy
