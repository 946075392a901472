// auth_request: a subrequest decides about access (ngx_http_auth_request_module): 2xx lets the client in, 401 and 403 keep
// it out, anything else is an error. auth_request_set takes values from the subrequest's answer.
#include <fmt/format.h>

#include "nginx/define.h"
#include "nginx/error_log.h"
#include "nginx/modules.h"
#include "nginx/request.h"
#include "nginx/subrequest.h"
#include "proxy/transaction.h"

namespace weir::nginx {
namespace {

using proxy::Cursor;
using proxy::Subrequest;
using proxy::Transaction;

struct AuthSet {
  const Variable* variable = nullptr;
  const Script* value = nullptr;
};

struct AuthRequestConf {
  Setting<Str> uri;  // empty: off
  ArenaList<AuthSet> sets;
};

bool fetch_nothing(const expr::Ctx&, const expr::Arg*, Value&) {
  return false;
}

void bind_auth_request(void* s, const Directive& d, const Row&) {
  Scope& scope = *static_cast<Scope*>(s);
  auto& uri = static_cast<AuthRequestConf*>(scope.conf)->uri;
  uri = d.arg(0).text == "off" ? Str{} : scope.arena.dup(d.arg(0).text);
}

void bind_set(void* s, const Directive& d, const Row&) {
  Scope& scope = *static_cast<Scope*>(s);
  auto& conf = *static_cast<AuthRequestConf*>(scope.conf);
  const config::Word& word = d.arg(0);
  if (!word.text.starts_with('$') || word.text.size() < 2)
    return refuse(scope, word.where, fmt::format("invalid variable name \"{}\"", word.text), "write $name");
  Variable* v = scope.http->variables.use(scope.arena, word.text.substr(1), word.where);
  if (!v->defined && !define_variable(scope, word, fetch_nothing, nullptr)) return;
  conf.sets.push(scope.arena,
                 {v, compile_script(scope.arena, scope.http->variables, d.arg(1).text, d.arg(1).where, scope.diag)});
}

// The answer is there: take values from it while it still exists.
void take_values(Subrequest& sub, Transaction& child) {
  const auto& conf = *static_cast<const AuthRequestConf*>(sub.options.data);
  Transaction& parent = *sub.parent;
  for (const AuthSet& s : conf.sets) set_slot(parent, *s.variable, parent.arena.dup(s.value->eval(child)));
  if (sub.status != 401) return;
  for (const http::Header* h = nullptr; (h = child.response.headers.find(http::Name::www_authenticate, h));)
    of(parent).answer_headers.push(parent.arena,
                                   {"WWW-Authenticate", parent.arena.dup(h->value), http::Name::www_authenticate});
}

Access check(Transaction& txn, Cursor& cursor, const void* c, uint16_t& status) {
  const auto& conf = *static_cast<const AuthRequestConf*>(c);
  auto* sub = static_cast<Subrequest*>(cursor.state);
  if (!sub) {
    proxy::SubrequestOptions o;
    o.uri = conf.uri.value;
    o.done = take_values;
    o.data = const_cast<AuthRequestConf*>(&conf);
    sub = subrequest(txn, &cursor, o);
    cursor.state = sub;
    if (sub) return Access::wait;
    finish_with(txn, 500);
    return Access::failed;
  }
  if (!sub->ended()) return Access::wait;
  if (sub->status >= 200 && sub->status < 300) return Access::allow;
  if (sub->status == 401 || sub->status == 403) {
    status = sub->status;
    return Access::deny;
  }
  log_error(&txn, LogLevel::error, 0, fmt::format("auth request unexpected status: {}", sub->status));
  finish_with(txn, 500);
  return Access::failed;
}

void merge(Scope&, void* child, const void* parent) {
  auto& c = *static_cast<AuthRequestConf*>(child);
  if (c.sets.empty()) c.sets = static_cast<const AuthRequestConf*>(parent)->sets;
}

void compile(Scope&, Location& l, void* conf) {
  if (!static_cast<AuthRequestConf*>(conf)->uri.value.empty()) l.access.push_back({check, conf});
}

const Row kTable[] = {
    {"auth_request",
     kHttpServerLocation,
     1,
     1,
     Block::none,
     Inherit::scalar,
     bind_auth_request,
     "uri | off",
     "asks this URI whether the client may come in",
     {},
     WEIR_FIELD(AuthRequestConf, uri),
     "off"},
    {"auth_request_set", kHttpServerLocation, 2, 2, Block::none, Inherit::array, bind_set, "$variable value",
     "takes a value from the answer to auth_request"},
};

}  // namespace

const Module kAuthRequestModule{"auth_request", sizeof(AuthRequestConf), module_create<AuthRequestConf>, kTable, merge,
                                compile};

}  // namespace weir::nginx
