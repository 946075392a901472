// `http-check …` and `tcp-check …` lines, `option tcp-check`, and how they become programs (configuration.txt 4.2). A section
// with lines of its own does not have those of its defaults.
#include <fmt/format.h>

#include "expr/variables.h"
#include "haproxy/address.h"
#include "haproxy/bind.h"
#include "haproxy/checks.h"
#include "haproxy/log_format.h"
#include "haproxy/rule.h"
#include "haproxy/tables.h"
#include "health/run.h"
#include "proxy/transaction.h"

namespace weir::haproxy {
namespace {

using health::Connect;
using health::Next;
using health::Run;
using health::Step;

bool of_http(const Row& row) {
  return row.name.starts_with("http-check");
}

void inherit_list(ArenaList<CheckRule*>& list) {
  list.capacity = list.size;
}

// Adds a line to its family.
void add(Scope& scope, const Row& row, CheckRule* rule) {
  CheckRules& rules = rules_of(scope);
  (of_http(row) ? rules.http : rules.tcp).push(scope.arena, rule);
}

CheckRule* new_rule(Scope& scope, const Directive& d, const Row& row) {
  CheckRules& rules = rules_of(scope);
  if (of_http(row))
    own_http_rules(rules);
  else
    own_tcp_rules(rules);
  auto* rule = scope.arena.make<CheckRule>();
  rule->where = d.where;
  rule->step.number = static_cast<int>((of_http(row) ? rules.http : rules.tcp).size) + 1;
  return rule;
}

// --- connect ---

uint16_t port_of(Run& run, const void* conf) {
  expr::Value v;
  expr::Ctx ctx = run.context();
  auto& e = *static_cast<const expr::Expr*>(conf);
  if (!e.eval(ctx, v) || !expr::cast(v, expr::Type::integer, *ctx.arena)) return 0;
  return static_cast<uint16_t>(std::clamp<int64_t>(v.integer, 0, 65535));
}

bool read_port(Scope& scope, const Word& word, Connect& c) {
  if (auto n = parse_u64(word.text)) {
    if (*n >= 1 && *n <= 65535) {
      c.port = static_cast<uint16_t>(*n);
      return true;
    }
    scope.error(word.where, fmt::format("'{}' is not a port", word.text), "1 to 65535, or an expression");
    return false;
  }
  ParseEnv env = scope.env();
  size_t at = 0;
  const expr::Expr* e = parse_sample_words(Words(&word, 1), at, env);
  if (!e || !require_available(*e, kAtCheck, word.where, scope.diag)) return false;
  c.port_of = port_of;
  c.port_conf = e;
  return true;
}

bool read_addr(Scope& scope, const Word& word, net::Addr& out) {
  Address address;
  std::string problem;
  std::vector<net::Addr> addrs;
  if (!parse_address(word.text, address, problem, scope.arena)) {
    report_address(scope, word, problem, {}, {});
    return false;
  }
  int port = address.port;
  if (port < 0) address.port = address.last_port = 0;
  if (!socket_addresses(address, scope.arena, addrs, problem) || addrs.empty()) {
    scope.missing(word.where, fmt::format("the host '{}' is not known", address.host));
    return true;
  }
  out = addrs[0];
  return true;
}

void bind_connect(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Words args = args_of(d, row);
  CheckRule* rule = new_rule(scope, d, row);
  auto* c = scope.arena.make<Connect>();
  rule->step.kind = Step::Kind::connect;
  rule->step.connect = c;
  for (size_t at = 0; at < args.size(); at++) {
    Str name = args[at].text;
    bool takes =
        name == "port" || name == "addr" || name == "sni" || name == "alpn" || name == "proto" || name == "comment";
    if (takes && at + 1 >= args.size()) {
      scope.error(args[at].where, fmt::format("'{}' lacks its argument", name));
      return;
    }
    if (name == "default") {
      c->usual = true;
    } else if (name == "ssl") {
      c->tls = true;
    } else if (name == "send-proxy") {
      c->send_proxy = true;
    } else if (name == "linger") {
      c->linger = true;
    } else if (name == "via-socks4") {
      c->relayed = true;
    } else if (!takes) {
      scope.error(args[at].where, fmt::format("'{}' is nothing that '{}' takes", name, row.name), row.syntax.data());
      return;
    } else {
      const Word& word = args[++at];
      if (name == "port" && !read_port(scope, word, *c)) return;
      if (name == "addr" && !read_addr(scope, word, c->addr)) return;
      if (name == "sni") c->sni = word.text;
      if (name == "alpn") c->alpn = check_alpn(scope, word);
      if (name == "comment") rule->step.comment = word.text;
      if (name == "proto" && word != Str("none") && word != Str("h1"))
        scope.planned(word.where, fmt::format("{} proto {}", row.name, word.text));
    }
  }
  add(scope, row, rule);
}

// --- send ---

struct Bytes {
  Str text;
  const LogFormat* format = nullptr;
  bool hex = false;
};

bool send_bytes(Run& run, const void* conf, std::string& out) {
  auto& b = *static_cast<const Bytes*>(conf);
  if (!b.format) {
    out = b.text;
    return true;
  }
  std::string text(render(*b.format, run.context()));
  if (!b.hex) {
    out = text;
    return true;
  }
  if (text.empty() || from_hex(text, out)) return true;
  run.finish(health::Status::l7_invalid,
             fmt::format("tcp-check send : failed to build log-format string at step {}", run.step().number));
  return false;
}

void bind_tcp_send(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Words args = args_of(d, row);
  CheckRule* rule = new_rule(scope, d, row);
  auto* b = scope.arena.make<Bytes>();
  rule->step.kind = Step::Kind::send;
  rule->step.send = send_bytes;
  rule->step.conf = b;
  if (args.size() == 3 && args[1] == Str("comment")) {
    rule->step.comment = args[2].text;
  } else if (args.size() != 1) {
    scope.error(args[1].where, fmt::format("'{}' is not expected behind what is sent", args[1].text),
                fmt::format("write: {} {}", row.name, row.syntax));
    return;
  }
  b->hex = row.name.find("binary") != Str::npos;
  if (row.name.ends_with("-lf")) {
    ParseEnv env = scope.env();
    if (!(b->format = compile_log_format(args[0], FormatUse::text, kAtCheck, env))) return;
  } else if (b->hex) {
    std::string bytes;
    if (!from_hex(args[0].text, bytes)) {
      scope.error(args[0].where, fmt::format("'{}' is not hexadecimal", args[0].text));
      return;
    }
    b->text = scope.keep(bytes);
  } else {
    b->text = args[0].text;
  }
  add(scope, row, rule);
}

void bind_http_send(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  CheckRule* rule = new_rule(scope, d, row);
  rule->request = scope.arena.make<HttpCheckRequest>();
  if (!read_http_send(scope, args_of(d, row), *rule->request, rule->step.comment)) return;
  Str comment = rule->step.comment;
  int number = rule->step.number;
  rule->step = http_send_step(rule->request);
  rule->step.comment = comment;
  rule->step.number = number;
  add(scope, row, rule);
}

// --- expect, comment, variables, flags ---

void bind_expect(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  CheckRule* rule = new_rule(scope, d, row);
  if (read_expect(scope, args_of(d, row), of_http(row), *rule, row)) add(scope, row, rule);
}

void bind_comment(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  CheckRule* rule = new_rule(scope, d, row);
  rule->is_comment = true;
  rule->step.comment = args_of(d, row)[0].text;
  add(scope, row, rule);
}

struct SetVariable {
  const expr::Variable* variable = nullptr;
  uint8_t conditions = 0;
  const expr::Expr* sample = nullptr;
  const LogFormat* format = nullptr;
};

Next run_set(Run& run, const void* conf, bool) {
  auto& rule = *static_cast<const SetVariable*>(conf);
  expr::Ctx ctx = run.context();
  expr::Value value;
  if (rule.format)
    value = expr::Value::of(render(*rule.format, ctx));
  else if (!rule.sample->eval(ctx, value))
    return Next::next;
  expr::set_variable(ctx, *rule.variable, value, rule.conditions);
  return Next::next;
}

Next run_unset(Run& run, const void* conf, bool) {
  expr::unset_variable(run.context(), *static_cast<const SetVariable*>(conf)->variable);
  return Next::next;
}

bool read_variable(Scope& scope, const Word& action, SetVariable& rule) {
  Str text = action.text;
  size_t open = text.find('(');
  if (open == Str::npos || !text.ends_with(')')) {
    scope.error(action.where, fmt::format("'{}' lacks the variable in parentheses", text),
                "write: set-var(check.name)");
    return false;
  }
  Str inside = text.substr(open + 1, text.size() - open - 2);
  Str name = cut(inside, ',');
  std::string problem;
  rule.variable = expr::intern_variable(name, problem);
  if (!rule.variable || (rule.variable->scope != expr::Scope::check && rule.variable->scope != expr::Scope::proc)) {
    scope.error(action.where,
                problem.empty() ? fmt::format("'{}' is not a variable of checks or of the process", name) : problem,
                "names are check.X and proc.X");
    return false;
  }
  while (!inside.empty()) {
    Str word = cut(inside, ',');
    uint8_t bit = expr::set_condition(word);
    if (!bit) {
      scope.error(action.where, fmt::format("'{}' is not a condition of set-var", word));
      return false;
    }
    rule.conditions |= bit;
  }
  return true;
}

void bind_variable(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Words args = args_of(d, row);
  CheckRule* rule = new_rule(scope, d, row);
  auto* set = scope.arena.make<SetVariable>();
  if (!read_variable(scope, d.words[1], *set)) return;
  rule->step.kind = Step::Kind::act;
  rule->step.conf = set;
  rule->step.run = row.name.ends_with("unset-var") ? run_unset : run_set;
  ParseEnv env = scope.env();
  size_t at = 0;
  if (row.name.ends_with("-fmt")) {
    set->format = compile_log_format(args[0], FormatUse::text, kAtCheck, env);
    at = 1;
  } else if (rule->step.run == run_set) {
    set->sample = parse_sample_words(args, at, env);
    if (set->sample && !require_available(*set->sample, kAtCheck, args[0].where, scope.diag)) return;
  }
  bool good = set->format || set->sample || rule->step.run == run_unset;
  if (good && no_more(scope, args, at, row)) add(scope, row, rule);
}

template <bool CheckRules::* flag>
void bind_flag(void* s, const Directive&, const Row&) {
  CheckRules& rules = rules_of(scope_of(s));
  own_http_rules(rules);
  rules.*flag = true;
}

void bind_log(void* s, const Directive& d, const Row&) {
  rules_of(scope_of(s)).log = !d.negated && !d.defaulted;
}

void bind_tcp_check(void* s, const Directive& d, const Row&) {
  CheckRules& rules = rules_of(scope_of(s));
  if (d.negated || d.defaulted) {
    if (rules.type == CheckType::tcp) rules.type = CheckType::none;
    return;
  }
  own_tcp_rules(rules);
  rules.type = CheckType::tcp;
}

constexpr ContextMask kPlaces = kBackends | kHealthcheck;
constexpr Row rule(Str name, int8_t min, int8_t max, config::BindFn bind, Str syntax, Str help) {
  return {name, kPlaces, min, max, Block::none, Inherit::copy, bind, syntax, help};
}
constexpr Str kConnectSyntax =
    "[default] [port <expr>] [addr <ip>] [send-proxy] [via-socks4] [ssl] [sni <sni>] [alpn <alpn>] [linger] [proto "
    "<name>] [comment <msg>]";
constexpr Str kExpectSyntax =
    "[min-recv <int>] [comment <msg>] [ok-status <st>] [error-status <st>] [tout-status <st>] [on-success <fmt>] "
    "[on-error <fmt>] [status-code <expr>] [!] <match> <pattern>";

constexpr Row kRows[] = {
    {"option tcp-check", kBackends, 0, 0, Block::none, Inherit::copy, bind_tcp_check, "",
     "check servers with a tcp-check sequence"},
    {"option log-health-checks", kBackends, 0, 0, Block::none, Inherit::copy, bind_log, "",
     "log every change of a health check"},
    rule("http-check comment", 1, 1, bind_comment, "<string>", "text shown in logs when the next step fails"),
    rule("http-check connect", 0, -1, bind_connect, kConnectSyntax, "open the connection of the check"),
    rule("http-check disable-on-404", 0, 0, bind_flag<&CheckRules::disable_on_404>, "",
         "take a server that answers 404 out of the rotation gently"),
    rule("http-check expect", 2, -1, bind_expect, kExpectSyntax, "what the answer must look like"),
    rule(
        "http-check send", 1, -1, bind_http_send,
        "[meth <method>] [{ uri <uri> | uri-lf <fmt> }] [ver <version>] [hdr <name> <fmt>]* [{ body <string> | body-lf "
        "<fmt> }] [comment <msg>]",
        "request that the check sends"),
    rule("http-check send-state", 0, 0, bind_flag<&CheckRules::send_state>, "",
         "tell the server its state in X-Haproxy-Server-State"),
    rule("http-check set-var", 1, -1, bind_variable, "(<var-name>[,<cond>...]) <expr>",
         "set a variable of the check to an expression"),
    rule("http-check set-var-fmt", 1, 1, bind_variable, "(<var-name>[,<cond>...]) <fmt>",
         "set a variable of the check to a formatted string"),
    rule("http-check unset-var", 0, 0, bind_variable, "(<var-name>)", "remove a variable of the check"),
    rule("tcp-check comment", 1, 1, bind_comment, "<string>", "text shown in logs when the next step fails"),
    rule("tcp-check connect", 0, -1, bind_connect, kConnectSyntax, "open the connection of the check"),
    rule("tcp-check expect", 2, -1, bind_expect, kExpectSyntax, "what the answer must look like"),
    rule("tcp-check send", 1, 3, bind_tcp_send, "<data> [comment <msg>]", "text that the check sends"),
    rule("tcp-check send-lf", 1, 3, bind_tcp_send, "<fmt> [comment <msg>]", "formatted text that the check sends"),
    rule("tcp-check send-binary", 1, 3, bind_tcp_send, "<hexstring> [comment <msg>]",
         "bytes in hexadecimal that the check sends"),
    rule("tcp-check send-binary-lf", 1, 3, bind_tcp_send, "<hexfmt> [comment <msg>]",
         "formatted hexadecimal bytes that the check sends"),
    rule("tcp-check set-var", 1, -1, bind_variable, "(<var-name>[,<cond>...]) <expr>",
         "set a variable of the check to an expression"),
    rule("tcp-check set-var-fmt", 1, 1, bind_variable, "(<var-name>[,<cond>...]) <fmt>",
         "set a variable of the check to a formatted string"),
    rule("tcp-check unset-var", 0, 0, bind_variable, "(<var-name>)", "remove a variable of the check"),
};

// --- programs ---

// `newer` says what it says, and the rest stays.
void overwrite(HttpCheckRequest& r, const HttpCheckRequest& newer) {
  if (!newer.method.empty()) r.method = newer.method;
  if (!newer.uri.empty() || newer.uri_format) {
    r.uri = newer.uri;
    r.uri_format = newer.uri_format;
  }
  if (!newer.version.empty()) r.version = newer.version;
  if (!newer.headers.empty()) r.headers = newer.headers;
  if (newer.body.data() || newer.body_format) {
    r.body = newer.body;
    r.body_format = newer.body_format;
  }
}

bool is_plain(const CheckRule& rule) {
  return rule.is_comment || rule.step.kind == Step::Kind::act;
}

// The request of `option httpchk` and the first `http-check send` are one.
std::vector<CheckRule*> http_rules(Scope& scope, const CheckRules& rules) {
  std::vector<CheckRule*> list(rules.http.begin(), rules.http.end());
  auto first = std::find_if(list.begin(), list.end(), [](const CheckRule* r) { return !is_plain(*r); });
  bool connects = first != list.end() && (*first)->step.kind == Step::Kind::connect;
  auto send = connects ? std::find_if(first + 1, list.end(), [](const CheckRule* r) { return !is_plain(*r); }) : first;
  if (rules.option) {
    auto* request = scope.arena.make<HttpCheckRequest>(*rules.option);
    if (send != list.end() && (*send)->request) {
      overwrite(*request, *(*send)->request);
      auto* merged = scope.arena.make<CheckRule>(**send);
      merged->request = request;
      merged->step.conf = request;
      *send = merged;
    } else {
      auto* rule = scope.arena.make<CheckRule>();
      rule->request = request;
      rule->step = http_send_step(request);
      rule->step.number = 1;
      list.insert(connects ? first + 1 : first, rule);
    }
  }
  for (CheckRule* r : list)
    if (r->request) r->request->send_state = rules.send_state;
  if (!list.empty() && list.back()->request) {
    CheckRule* expect = default_http_expect(scope);
    expect->step.number = list.back()->step.number + 1;
    list.push_back(expect);
  }
  return list;
}

// "Host: name:port" gives the name that TLS asks for.
Str sni_of_host(Run& run, const void* conf) {
  Str host = render(*static_cast<const LogFormat*>(conf), run.context());
  size_t colon = host.rfind(':');
  if (colon != Str::npos && host.find(']', colon) == Str::npos) host = host.substr(0, colon);
  return run.arena().dup(host);
}

void add_steps(Scope& scope, const std::vector<CheckRule*>& list, health::Program& program) {
  Str comment;
  int head = -1;  // where a chain of expects that wants not to see something begins
  const CheckRule* before = nullptr;
  for (const CheckRule* r : list) {
    if (before && !before->is_comment && before->step.kind != r->step.kind) comment = {};
    before = r;
    if (r->is_comment) {
      comment = r->step.comment;
      continue;
    }
    Step step = r->step;
    auto at = program.steps.size;
    if (step.kind == Step::Kind::expect) {
      step.again = r->inverse || head >= 0 ? static_cast<uint32_t>(head >= 0 ? head : static_cast<int>(at)) : at;
      if (r->inverse && head < 0) head = static_cast<int>(at);
    } else if (step.kind != Step::Kind::act) {
      head = -1;
    }
    if (step.comment.empty() && step.kind != Step::Kind::act) step.comment = comment;
    if (step.kind == Step::Kind::connect) comment = {};
    program.steps.push(scope.arena, step);
  }
}

const health::Program* program_of(Scope& scope, const CheckRules& rules) {
  bool http = rules.type == CheckType::http;
  std::vector<CheckRule*> list(rules.tcp.begin(), rules.tcp.end());
  if (http) list = http_rules(scope, rules);
  if (rules.type == CheckType::none) list.clear();
  auto* program = new_program(scope);
  program->tells_steps = rules.type == CheckType::tcp;
  auto first = std::find_if(list.begin(), list.end(), [](const CheckRule* r) { return !is_plain(*r); });
  if (first == list.end() || (*first)->step.kind != Step::Kind::connect) {
    Step connect = connect_step(scope, 0);
    auto* c = const_cast<Connect*>(connect.connect);
    if (http && first != list.end() && (*first)->request)
      for (const HttpCheckHeader& h : (*first)->request->headers)
        if (iequals(h.name, "host")) {
          c->sni_of = sni_of_host;
          c->sni_conf = h.value;
        }
    program->steps.push(scope.arena, connect);
  }
  add_steps(scope, list, *program);
  return program;
}

}  // namespace

CheckRules& rules_of(Scope& scope) {
  return scope.healthcheck ? scope.healthcheck->rules : scope.proxy->s.checks;
}

void own_http_rules(CheckRules& rules) {
  if (rules.own_http) return;
  rules.own_http = true;
  rules.http = {};
  rules.option = nullptr;
  rules.disable_on_404 = rules.send_state = false;
}

void own_tcp_rules(CheckRules& rules) {
  if (rules.own_tcp) return;
  rules.own_tcp = true;
  rules.tcp = {};
}

void inherit_checks(CheckRules& rules) {
  rules.own_http = rules.own_tcp = false;
  inherit_list(rules.http);
  inherit_list(rules.tcp);
}

health::Program* new_program(Scope& scope) {
  auto* program = scope.arena.make<health::Program>();
  program->most = scope.global.tune_bufsize;
  return program;
}

Step connect_step(Scope& scope, int number, bool usual) {
  auto* c = scope.arena.make<Connect>();
  c->usual = usual;
  Step step;
  step.kind = Step::Kind::connect;
  step.connect = c;
  step.number = number;
  return step;
}

const health::Program* make_program(Scope& scope, CheckRules& rules) {
  if (rules.protocol && (rules.type == CheckType::protocol || rules.type == CheckType::outside)) return rules.protocol;
  return program_of(scope, rules);
}

bool from_hex(Str text, std::string& out) {
  out.clear();
  int high = -1;
  for (char c : text) {
    if (c == ' ') continue;
    int digit = is_digit(c) ? c - '0' : lower(c) >= 'a' && lower(c) <= 'f' ? lower(c) - 'a' + 10 : -1;
    if (digit < 0) return false;
    if (high >= 0) out += static_cast<char>(high << 4 | digit);
    high = high >= 0 ? -1 : digit;
  }
  return high < 0;
}

const config::Table kCheckRuleTable = kRows;

}  // namespace weir::haproxy
