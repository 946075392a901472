// See haproxy/protocol_checks.h; and the protocols that need no more than texts: Redis, SMTP, PostgreSQL, the hello of SSLv3.
#include "haproxy/protocol_checks.h"

#include <fmt/format.h>

#include "haproxy/bind.h"
#include "haproxy/log_format.h"
#include "haproxy/tables.h"

namespace weir::haproxy {
namespace {

using health::Next;
using health::Run;
using health::Step;

struct Text {
  Str bytes;
  const LogFormat* format = nullptr;
  bool hex = false;
};

bool send_text(Run& run, const void* conf, std::string& out) {
  auto& t = *static_cast<const Text*>(conf);
  if (!t.format)
    out = t.bytes;
  else if (!t.hex)
    out = render(*t.format, run.context());
  else
    from_hex(render(*t.format, run.context()), out);
  return true;
}

std::string to_hex(Str bytes) {
  std::string out;
  for (unsigned char c : bytes) out += fmt::format("{:02X}", c);
  return out;
}

void bind_redis(void* s, const Directive& d, const Row&) {
  Scope& scope = scope_of(s);
  if (!wants_protocol(scope, d)) return;
  ProtocolLines lines(scope, d);
  lines.send("*1\r\n$4\r\nPING\r\n");
  lines.expect({"string", "+PONG\r\n", "error-status", "L7STS", "on-error", "%[res.payload(0,0),cut_crlf]",
                "on-success", "Redis server is ok"});
}

// A hello of SSLv3 with the time, a fixed random part and the 39 ciphers of its day.
void bind_ssl_hello(void* s, const Directive& d, const Row&) {
  Scope& scope = scope_of(s);
  if (!wants_protocol(scope, d)) return;
  std::string hello =
      "16030000790100007503"
      "00%[date(),htonl,hex]";
  hello += to_hex("HAPROXYSSLCHK\nHAPROXYSSLCHK\n") + "00004E";
  for (int cipher = 1; cipher <= 0x3a; cipher++)
    if (cipher <= 0x1b || cipher >= 0x2f) hello += fmt::format("{:04X}", cipher);
  hello += "0100";
  ProtocolLines lines(scope, d);
  lines.send_format(scope.keep(hello), true);
  lines.expect(
      {"rbinary", "^1[56]", "min-recv", "5", "ok-status", "L6OK", "error-status", "L6RSP", "tout-status", "L6TOUT"});
}

void bind_smtp(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  if (!wants_protocol(scope, d)) return;
  Words args = args_of(d, row);
  bool greets = args.size() > 1 && (args[0] == Str("EHLO") || args[0] == Str("HELO"));
  std::string hello = greets ? fmt::format("{} {}\r\n", args[0].text, args[1].text) : "HELO localhost\r\n";
  constexpr Str kRest = "%[res.payload(4,0),ltrim(' '),cut_crlf]";
  ProtocolLines lines(scope, d);
  lines.connect(true);
  lines.expect({"rstring", "^[0-9]{3}[ \r]", "min-recv", "4", "error-status", "L7RSP", "on-error",
                "%[res.payload(0,0),cut_crlf]"});
  lines.expect({"rstring", "^2[0-9]{2}[ \r]", "min-recv", "4", "error-status", "L7STS", "on-error", kRest,
                "status-code", "res.payload(0,3)"});
  lines.send(scope.keep(hello));
  lines.expect({"rstring", "^(2[0-9]{2}-[^\r]*\r\n)*2[0-9]{2}[ \r]", "error-status", "L7STS", "on-error", kRest,
                "on-success", kRest, "status-code", "res.payload(0,3)"});
  lines.send("QUIT\r\n");
  lines.expect({"rstring", "^2[0-9]{2}[- \r]", "min-recv", "4", "error-status", "L7STS", "on-error", kRest,
                "on-success", kRest, "status-code", "res.payload(0,3)"});
}

// A start-up packet of protocol 3.0: any answer but an error, or a wish for a password, shows a server at work.
void bind_pgsql(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  if (!wants_protocol(scope, d)) return;
  Words args = args_of(d, row);
  if (args[0] != Str("user")) {
    scope.error(args[0].where, fmt::format("'{}' is no argument of '{}'", args[0].text, row.name),
                "write: option pgsql-check user NAME",
                fmt::format("'{}' only supports optional values: 'user'.", row.name));
    return;
  }
  Str user = args[1].text;
  std::string packet;
  auto length = static_cast<uint32_t>(15 + user.size());
  for (int shift = 24; shift >= 0; shift -= 8) packet += static_cast<char>(length >> shift & 0xff);
  packet += Str("\0\3\0\0user\0", 9);
  packet.append(user).append(2, '\0');
  ProtocolLines lines(scope, d);
  lines.connect(true);
  lines.send(scope.keep(packet));
  lines.expect({"!rstring", "^E", "min-recv", "5", "error-status", "L7RSP", "on-error", "%[res.payload(6,0)]"});
  lines.expect({"rbinary", "^52000000[A-Z0-9]{2}000000(00|02|03|04|05|06|07|09|0A)", "min-recv", "9", "error-status",
                "L7STS", "on-success", "PostgreSQL server is ok", "on-error", "PostgreSQL unknown error"});
}

constexpr Row kRows[] = {
    {"option redis-check", kBackends, 0, 0, Block::none, Inherit::copy, bind_redis, "",
     "check servers with a Redis PING"},
    {"option ssl-hello-chk", kBackends, 0, 0, Block::none, Inherit::copy, bind_ssl_hello, "",
     "check servers with an SSLv3 hello"},
    {"option smtpchk", kBackends, 0, 2, Block::none, Inherit::copy, bind_smtp, "[<hello> <domain>]",
     "check servers with an SMTP greeting"},
    {"option pgsql-check", kBackends, 2, 2, Block::none, Inherit::copy, bind_pgsql, "user <username>",
     "check servers with a PostgreSQL start"},
};

}  // namespace

bool is_protocol_check(Str name) {
  constexpr Str kNames[] = {"redis-check", "ssl-hello-chk", "smtpchk",   "pgsql-check",
                            "mysql-check", "ldap-check",    "spop-check"};
  return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

bool wants_protocol(Scope& scope, const Directive& d) {
  if (!d.negated && !d.defaulted) return true;
  CheckRules& rules = rules_of(scope);
  if (rules.type == CheckType::protocol) rules.type = CheckType::none;
  return false;
}

ProtocolLines::ProtocolLines(Scope& scope, const Directive& d) : scope_(scope), line_(d), program_(new_program(scope)) {
  CheckRules& rules = rules_of(scope);
  rules.type = CheckType::protocol;
  rules.protocol = program_;
}

void ProtocolLines::add(Step step) {
  if (program_->steps.empty() && step.kind != Step::Kind::connect)
    program_->steps.push(scope_.arena, connect_step(scope_, 0));
  step.number = ++number_;
  if (step.kind == Step::Kind::expect) step.again = program_->steps.size;
  program_->steps.push(scope_.arena, step);
}

void ProtocolLines::connect(bool linger) {
  Step step = connect_step(scope_, 0);
  const_cast<health::Connect*>(step.connect)->linger = linger;
  add(step);
}

void ProtocolLines::send(Str bytes) {
  Step step;
  step.kind = Step::Kind::send;
  step.send = send_text;
  step.conf = scope_.arena.make<Text>(Text{bytes});
  add(step);
}

void ProtocolLines::send_format(Str format, bool hex) {
  ParseEnv env = scope_.env();
  const LogFormat* compiled = compile_log_format(format, FormatUse::text, kAtCheck, env, line_.where);
  Step step;
  step.kind = Step::Kind::send;
  step.send = send_text;
  step.conf = scope_.arena.make<Text>(Text{{}, compiled, hex});
  if (compiled) add(step);
}

void ProtocolLines::expect(std::initializer_list<Str> words) {
  std::vector<Word> line;
  for (Str w : words) line.push_back({w, config::Quote::none, line_.where});
  CheckRule rule;
  static constexpr Row kRow{"tcp-check expect"};
  if (read_expect(scope_, line, false, rule, kRow)) add(rule.step);
}

void ProtocolLines::expect(Next (*run)(Run&, const void*, bool), const void* conf) {
  Step step;
  step.kind = Step::Kind::expect;
  step.run = run;
  step.conf = conf;
  step.what = "expect custom function";
  add(step);
}

Next fail_empty(Run& run) {
  run.finish(health::Status::l7_invalid, fmt::format("TCPCHK got an empty response at step {}", run.step().number));
  return Next::stop;
}

const config::Table kProtocolCheckTable = kRows;

}  // namespace weir::haproxy
