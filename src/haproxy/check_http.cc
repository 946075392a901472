// `option httpchk` and `http-check send`: the request of an HTTP check (configuration.txt 4.2).
#include <fmt/format.h>

#include "haproxy/bind.h"
#include "haproxy/checks.h"
#include "haproxy/haproxy.h"
#include "haproxy/log_format.h"
#include "haproxy/tables.h"
#include "health/run.h"
#include "proxy/shard.h"
#include "proxy/transaction.h"
#include "stats/catalogue.h"

namespace weir::haproxy {
namespace {

using health::Run;

// X-Haproxy-Server-State (configuration.txt, http-check send-state).
std::string server_state(Run& run) {
  const model::Server& s = run.server();
  const health::Check& check = run.check();
  stats::ServerView view(s);
  int32_t health = s.state->health.check.health.load(std::memory_order_relaxed);
  std::string state;
  if (view.operational_state()) {
    state = view.stopping ? "NOLB" : "UP";
    if (health != check.most_health()) state += fmt::format(" {}/{}", health - check.rise + 1, check.fall);
  } else {
    state = health ? fmt::format("DOWN {}/{}", health, check.rise) : "DOWN";
  }
  stats::PoolView pool(*s.pool);
  const net::Addr& addr = s.address();
  std::string ip(addr.is_ip() ? addr.ip_text(run.arena()) : addr.unix_path());
  return fmt::format("{}; address={}; port={}; name={}/{}; node={}; weight={}/{}; scur={}/{}; qcur={}", state, ip,
                     addr.is_ip() ? std::to_string(addr.port) : "", s.pool->name, s.name,
                     stats::catalogue() ? stats::catalogue()->node : Str(), view.weight, pool.weight,
                     std::max(0, s.state->current.read()), std::max(0, s.pool->state->current.read()),
                     std::max(0, s.state->queued.read()));
}

bool send_request(Run& run, const void* conf, std::string& out) {
  auto& r = *static_cast<const HttpCheckRequest*>(conf);
  Str method = r.method.empty() ? Str("OPTIONS") : r.method, version = r.version.empty() ? Str("HTTP/1.0") : r.version;
  Str uri = r.uri_format ? render(*r.uri_format, run.context()) : r.uri;
  Str body = r.body_format ? render(*r.body_format, run.context()) : r.body;
  if (uri.empty()) uri = "/";
  out = fmt::format("{} {} {}\r\n", method, uri, version);
  bool connection = false, upgrade = false;
  for (const HttpCheckHeader& h : r.headers) {
    std::string value(render(*h.value, run.context()));
    if (value.empty()) continue;
    for (char& c : value)
      if (c == '\r' || c == '\n' || c == '\0') c = ' ';
    out += fmt::format("{}: {}\r\n", h.name, value);
    connection |= iequals(h.name, "connection");
    upgrade |= iequals(h.name, "upgrade");
  }
  if (r.send_state) out += fmt::format("X-Haproxy-Server-State: {}\r\n", server_state(run));
  if (!connection) out += "Connection: close\r\n";
  http::Method id = http::method_id(method);
  bool bodiless =
      id == http::Method::options || id == http::Method::get || id == http::Method::head || id == http::Method::delete_;
  if (!bodiless || !body.empty()) out += fmt::format("Content-Length: {}\r\n", body.size());
  out.append("\r\n").append(body);
  run.answer().expect_for(id, upgrade);
  return true;
}

// The length of a body is said by the check itself.
bool is_framing(Str name) {
  return iequals(name, "content-length") || iequals(name, "transfer-encoding");
}

// Older HAProxy took headers and a body behind the version; their bytes are no format.
void take_hidden_lines(Scope& scope, const Word& word, HttpCheckRequest& r) {
  scope.warning(word.where, "headers and bodies do not belong behind the version any more",
                "write them with http-check send",
                "'option httpchk' : hiding headers or body at the end of the version string is deprecated. "
                "Please, consider to use 'http-check send' directive instead.");
  ParseEnv env = scope.env();
  Str rest = word.text.substr(r.version.find("\r\n"));
  r.version.remove_suffix(rest.size());
  while (rest.starts_with("\r\n")) {
    rest.remove_prefix(2);
    if (rest.starts_with("\r\n")) r.body = rest.substr(2);
    Str line = rest.substr(0, rest.find("\r\n"));
    if (line.empty()) return;
    rest.remove_prefix(line.size());
    size_t colon = line.find(':');
    if (colon == 0 || colon == Str::npos) {
      scope.error(word.where, fmt::format("'{}' is no header", line), "write: http-check send hdr <name> <value>");
      return;
    }
    Str name = line.substr(0, colon);
    if (is_framing(name)) continue;
    std::string value;
    for (char c : trim(line.substr(colon + 1))) value.append(c == '%' ? 2 : 1, c);
    Word literal = word;
    literal.text = scope.arena.dup(value);
    r.headers.push(scope.arena, {name, compile_log_format(literal, FormatUse::text, kAtCheck, env)});
  }
}

void bind_httpchk(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  CheckRules& rules = rules_of(scope);
  if (d.negated || d.defaulted) {
    if (rules.type == CheckType::http) rules.type = CheckType::none;
    return;
  }
  Words args = args_of(d, row);
  own_http_rules(rules);
  rules.type = CheckType::http;
  auto* r = scope.arena.make<HttpCheckRequest>();
  rules.option = r;
  if (args.empty()) return;
  if (args.size() == 1) {
    r->uri = args[0].text;
    return;
  }
  r->method = args[0].text;
  r->uri = args[1].text;
  if (args.size() > 2) r->version = args[2].text;
  if (r->version.find("\r\n") != Str::npos) take_hidden_lines(scope, args[2], *r);
  if (args.size() < 4) return;
  ParseEnv env = scope.env();
  r->headers.push(scope.arena, {"Host", compile_log_format(args[3], FormatUse::text, kAtCheck, env)});
}

constexpr Row kRows[] = {
    {"option httpchk", kBackends, 0, 4, Block::none, Inherit::copy, bind_httpchk,
     "[<method>] [<uri> [<version> [<host>]]]", "check servers with an HTTP request"},
};

}  // namespace

health::Step http_send_step(HttpCheckRequest* request) {
  health::Step step;
  step.kind = health::Step::Kind::send;
  step.send = send_request;
  step.conf = request;
  return step;
}

bool read_http_send(Scope& scope, Words args, HttpCheckRequest& r, Str& comment) {
  ParseEnv env = scope.env();
  auto format = [&](const Word& word) { return compile_log_format(word, FormatUse::text, kAtCheck, env); };
  bool good = true;
  for (size_t at = 0; at < args.size(); at++) {
    Str name = args[at].text;
    size_t needs = name == "hdr" ? 2 : 1;
    constexpr Str kKnown[] = {"meth", "uri", "uri-lf", "ver", "hdr", "body", "body-lf", "comment"};
    if (std::find(std::begin(kKnown), std::end(kKnown), name) == std::end(kKnown)) {
      scope.error(args[at].where, fmt::format("'{}' is nothing that 'http-check send' takes", name),
                  "meth, uri, uri-lf, ver, hdr, body, body-lf or comment");
      return false;
    }
    if (at + needs >= args.size()) {
      scope.error(args[at].where, fmt::format("'{}' lacks its argument", name));
      return false;
    }
    const Word& word = args[at + 1];
    if (name == "meth") {
      r.method = word.text;
    } else if (name == "uri") {
      r.uri = word.text;
      r.uri_format = nullptr;
    } else if (name == "uri-lf") {
      good &= (r.uri_format = format(word)) != nullptr;
    } else if (name == "ver") {
      r.version = word.text;
    } else if (name == "body") {
      r.body = word.text;
      r.body_format = nullptr;
    } else if (name == "body-lf") {
      good &= (r.body_format = format(word)) != nullptr;
    } else if (name == "comment") {
      comment = word.text;
    } else if (!is_framing(word.text)) {
      const LogFormat* value = format(args[at + 2]);
      good &= value != nullptr;
      if (value) r.headers.push(scope.arena, {word.text, value});
    }
    at += needs;
  }
  return good;
}

const config::Table kHttpCheckTable = kRows;

}  // namespace weir::haproxy
