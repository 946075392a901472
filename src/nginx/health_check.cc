// `health_check` in a location: its upstream's servers are asked regularly, with the request that proxy_pass would make there
// (ngx_http_upstream_hc_module, which nginx sells).
#include "nginx/health_check.h"

#include <fmt/format.h>

#include "health/judge.h"
#include "http/stream.h"
#include "nginx/core.h"
#include "nginx/define.h"
#include "nginx/error_log.h"
#include "nginx/health_lua.h"
#include "nginx/health_match.h"
#include "nginx/personality.h"
#include "nginx/proxy.h"
#include "nginx/proxy_ssl.h"
#include "nginx/request.h"
#include "proxy/transaction.h"

namespace weir::nginx {
namespace {

using health::Next;
using health::Run;
using health::Status;

struct HealthConf {
  bool on = false;
  config::Where where;
  Str uri = "/";
  Str match_name;
  config::Where match_where;
  uint32_t interval = 5000, jitter = 0;
  uint32_t fails = 1, passes = 1;
  uint16_t port = 0;
  bool mandatory = false;
  bool persistent = false;

  LuaCheck lua;  // judges in place of `match`

  // Made at compile.
  const HealthMatch* match = nullptr;
  const Location* location = nullptr;
  const ProxyConf* proxy = nullptr;
  const Http* http = nullptr;
};

const HealthConf& conf_of(Run& run) {
  return *static_cast<const HealthConf*>(run.check().conf);
}

// Nobody is at the other end of a check's exchange.
class Nobody final : public http::Stream {
 public:
  void send_head(http::Message&, bool) override {}
  void send_data(Str, bool, http::HeaderList*) override {}
  size_t queued() const override { return 0; }
  void credit(int64_t) override {}
  void finish() override {}
  void abort() override {}
};

Str path_of(Run& run) {
  Str asked = judged_path(run);
  return asked.empty() ? conf_of(run).uri : asked;
}

void prepare(Run& run, proxy::Transaction& txn) {
  static Nobody nobody;
  const HealthConf& c = conf_of(run);
  txn.client = &nobody;
  auto* r = txn.arena.make<Request>();
  txn.extra = r;
  r->http = c.http;
  r->server = c.location->server;
  r->location = c.location;
  txn.slot_count = c.http->variables.slots();
  txn.slots = txn.arena.array<expr::Value>(txn.slot_count);
  txn.request.method = http::Method::get;
  txn.request.method_text = r->method_name = "GET";
  txn.request.target = txn.request.path = r->unparsed_uri = r->uri = path_of(run);
  r->host = r->server && !r->server->names.empty() ? r->server->names[0] : Str();
  txn.plan = &c.proxy->plan;
}

bool send_request(Run& run, const void*, std::string& out) {
  const HealthConf& c = conf_of(run);
  proxy::Transaction* txn = run.exchange();
  if (!txn) {
    run.finish(Status::socket_error, "no memory for a health check");
    return false;
  }
  if (c.lua.hook) prepare(run, *txn);  // each of its requests is another one
  http::Message request(txn->arena);
  build_request(*txn, request, c.proxy->plan);
  Str method = c.proxy->method.set ? request.method_text : Str("GET");
  out = fmt::format("{} {} HTTP/{}\r\n", method, path_of(run), c.proxy->plan.version == 10 ? "1.0" : "1.1");
  for (const http::Header& h : request.headers) {
    if (h.removed) continue;
    std::string value(h.value);
    for (char& ch : value)
      if (ch == '\r' || ch == '\n') ch = ' ';
    out += fmt::format("{}: {}\r\n", h.name, value);
  }
  out += "Connection: close\r\n\r\n";
  run.answer().expect_for(http::method_id(method), false);
  return true;
}

Next expect_answer(Run& run, const void*, bool last) {
  bool more = false;
  std::string wrong = look_at_answer(run, conf_of(run).match, last, more);
  if (more) return Next::wait;
  if (wrong.empty()) return Next::next;
  run.finish(Status::l7_wrong, wrong);
  return Next::stop;
}

net::TlsTo tls_of(Run& run) {
  const HealthConf& c = conf_of(run);
  proxy::Transaction* txn = run.exchange();
  if (!txn || !c.proxy->ssl) return {};
  const net::TlsTo to = tls_to_server(*txn, *c.proxy->ssl, c.proxy->host.host);
  if (const Str problem = proxy_certificate_problem(*txn); !problem.empty())
    log_error(txn, LogLevel::error, 0, problem, "checking upstream");
  return to;
}

// --- news ---

Str action_of(const health::News& n) {
  switch (n.status) {
    case Status::l4_failed:
    case Status::l4_timeout: return "connecting to upstream";
    case Status::l6_failed:
    case Status::l6_timeout: return "SSL handshaking to upstream";
    case Status::l7_wrong:
      if (static_cast<const HealthConf*>(n.check->conf)->lua.hook) return "judging it in Lua";
      [[fallthrough]];
    default: return "reading response header from upstream";
  }
}

class Reporter final : public health::Reporter {
 public:
  void checked(const health::News& n) const override {
    if (health::result_of(n.status) != health::Result::failed) return;
    Str text = n.text;
    if (n.status == Status::l4_timeout || n.status == Status::l6_timeout || n.status == Status::l7_timeout)
      text = "upstream timed out";
    log_error(nullptr, LogLevel::error, 0, fmt::format("{} while {}, {}", text, action_of(n), whose(n.server)));
  }
  void change(const health::News& n, const std::function<void()>& make) const override {
    make();
    bool up = n.server.state->up.load(std::memory_order_relaxed);
    if (up)
      log_error(nullptr, LogLevel::notice, 0, fmt::format("peer is healthy, {}", whose(n.server)));
    else
      log_error(nullptr, LogLevel::warn, 0,
                fmt::format("peer is unhealthy while {}, {}", action_of(n), whose(n.server)));
  }

 private:
  static std::string whose(const model::Server& s) {
    auto& c = *static_cast<const HealthConf*>(s.checks->check->conf);
    return fmt::format("health check {}\"{}\" of peer {} in upstream \"{}\"", c.lua.hook ? "lua " : "",
                       c.lua.hook ? c.lua.hook->name : c.match_name, s.address().text(), s.pool->name);
  }
};

// --- the directive ---

Scope& scope_of(void* s) {
  return *static_cast<Scope*>(s);
}

bool take(Scope& scope, HealthConf& c, const config::Word& word) {
  Str w = word.text;
  size_t equals = w.find('=');
  Str name = w.substr(0, equals), value = equals == Str::npos ? Str() : w.substr(equals + 1);
  uint64_t n = 0;
  if (name == "interval" || name == "jitter") {
    if (!parse_ms(value, n) || n > UINT32_MAX || (name == "interval" && n == 0)) return false;
    (name == "interval" ? c.interval : c.jitter) = static_cast<uint32_t>(n);
  } else if (name == "fails" || name == "passes" || name == "port") {
    auto v = parse_u64(value);
    if (!v || *v == 0 || *v > (name == "port" ? 65535u : 1000000u)) return false;
    if (name == "port")
      c.port = static_cast<uint16_t>(*v);
    else
      (name == "fails" ? c.fails : c.passes) = static_cast<uint32_t>(*v);
  } else if (name == "lua" && !value.empty()) {
    c.lua.hook = &want_lua_hook(scope, "check", value, word.where);
  } else if (name == "uri" && !value.empty()) {
    c.uri = value;
  } else if (name == "match" && !value.empty()) {
    c.match_name = value;
    c.match_where = word.where;
  } else if (w == "mandatory") {
    c.mandatory = true;
  } else if (w == "persistent") {
    c.persistent = true;
  } else if (name == "type" || name == "keepalive_time" || name == "grpc_service" || name == "grpc_status") {
    if (w != "type=http")
      scope.diag.add(config::Severity::planned, word.where, fmt::format("not yet: health_check … {}", w), {});
  } else {
    return false;
  }
  return true;
}

void bind_health_check(void* s, const Directive& d, const Row&) {
  Scope& scope = scope_of(s);
  auto& c = *static_cast<HealthConf*>(scope.conf);
  if (c.on) {
    scope.diag.add(config::Severity::planned, d.where, "not yet: several health_check lines in one location", {});
    return;
  }
  c.on = true;
  c.where = d.where;
  for (size_t i = 0; i < d.args(); i++) {
    if (take(scope, c, d.arg(i))) continue;
    auto& e = scope.error(d.arg(i).where, fmt::format("invalid parameter \"{}\"", d.arg(i).text),
                          "interval=, jitter=, fails=, passes=, uri=, match=, lua=, port=, type=http, mandatory, "
                          "persistent");
    e.product = e.text;
  }
  if (c.lua.hook)
    for (size_t i = 0; i < d.args(); i++)
      if (Str w = d.arg(i).text; w.starts_with("uri=") || w.starts_with("match="))
        refuse(scope, d.arg(i).where, fmt::format("\"{}\" has no place beside \"lua=\"", w),
               "the function asks for paths and judges the answers itself");
  if (c.mandatory && !c.persistent)
    scope.diag.note(d.where, "what is known of a server is kept over a reload, as with 'persistent'");
}

const model::Listener& check_listener() {
  static const model::Listener kListener = [] {
    model::Listener l;
    l.name = "health check";
    l.personality = &personality();
    return l;
  }();
  return kListener;
}

const health::Program& program(Scope& scope, const HealthConf& c) {
  auto* p = scope.arena.make<health::Program>();
  p->most = 256 * 1024 + 64 * 1024;
  if (c.lua.hook) {
    add_lua_steps(scope.arena, *p, c.lua, send_request);
    return *p;
  }
  auto* connect = scope.arena.make<health::Connect>();
  connect->usual = true;
  health::Step step;
  step.kind = health::Step::Kind::connect;
  step.connect = connect;
  p->steps.push(scope.arena, step);
  step = {};
  step.kind = health::Step::Kind::send;
  step.send = send_request;
  step.number = 1;
  p->steps.push(scope.arena, step);
  step = {};
  step.kind = health::Step::Kind::expect;
  step.run = expect_answer;
  step.number = 2;
  step.again = 2;
  p->steps.push(scope.arena, step);
  return *p;
}

void check_pool(Scope& scope, const HealthConf& c, const model::Pool& pool) {
  static const Reporter reporter;
  auto* check = scope.arena.make<health::Check>();
  check->program = &program(scope, c);
  check->begin = c.mandatory ? health::Begin::down : health::Begin::fully_up;
  check->inter = c.interval;
  check->jitter = c.jitter;
  check->rise = static_cast<int32_t>(c.passes);
  check->fall = static_cast<int32_t>(c.fails);
  check->own_pace = true;
  check->connect_timeout = c.proxy->plan.connect_timeout;
  check->timeout = c.proxy->plan.read_timeout;
  check->port = c.port;
  check->speaks_tls = c.proxy->ssl != nullptr;
  check->tls_of = tls_of;
  check->listener = &check_listener();
  check->prepare = prepare;
  check->conf = &c;
  for (model::Server* s : pool.servers) {
    auto* all = scope.arena.own<health::ServerChecks>();
    all->check = check;
    all->reporter = &reporter;
    s->checks = all;
    s->checks_key = 2u | static_cast<uint32_t>(check->begin) << 8;
    s->begins_down = c.mandatory;
  }
}

void compile(Scope& scope, Location& location, void* conf) {
  auto& c = *static_cast<HealthConf*>(conf);
  if (!c.on) return;
  const auto& proxy = location.of<ProxyConf>(kProxyModule);
  if (!proxy.pool || proxy.pool->personality != &personality()) {
    auto& e = scope.error(c.where, "\"health_check\" needs a \"proxy_pass\" to an upstream in its location",
                          "write it beside: proxy_pass http://NAME");
    e.product = e.text;
    return;
  }
  if (!c.match_name.empty() && !(c.match = find_match(scope, c.match_name))) {
    auto& e =
        scope.error(c.match_where, fmt::format("match \"{}\" not found", c.match_name), "write a match block in http");
    e.product = e.text;
    return;
  }
  for (const model::Server* s : proxy.pool->servers)
    if (s->checks) {
      scope.diag.add(config::Severity::planned, c.where,
                     fmt::format("not yet: a second health_check of upstream \"{}\"", proxy.pool->name), {});
      return;
    }
  c.location = &location;
  c.proxy = &proxy;
  c.http = scope.http;
  c.lua.patience = c.proxy->plan.connect_timeout + c.proxy->plan.read_timeout;
  check_pool(scope, c, *proxy.pool);
}

constexpr Row kTable[] = {
    {"health_check", kLocation, 0, -1, Block::none, Inherit::none, bind_health_check, "[parameters]",
     "Sends regular requests to the group's servers and takes failing ones out of use. lua=NAME, weir's own: a "
     "function of a "
     "Lua script judges them."},
};

}  // namespace

const Module kHealthCheckModule{"health_check", sizeof(HealthConf), module_create<HealthConf>, kTable, nullptr,
                                compile};

}  // namespace weir::nginx
