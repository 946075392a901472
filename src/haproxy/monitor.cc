// Health probes answered here: `monitor-uri` and `monitor fail`.
#include "haproxy/monitor.h"

#include <fmt/format.h>

#include "haproxy/bind.h"
#include "haproxy/rule.h"
#include "haproxy/tables.h"

namespace weir::haproxy {

Next run_monitor(Transaction& txn, Cursor&, const void* conf) {
  auto& front = *static_cast<const Proxy*>(conf);
  const http::Message& request = txn.request;
  Str uri = front.s.monitor_uri;
  // A path is looked for in absolute targets as well; anything else is the whole target.
  if (request.target != uri && !(uri.starts_with('/') && request.path == uri)) return Next::next;
  expr::Ctx ctx = context_for(txn);
  bool failing = front.monitor_fail && front.monitor_fail->eval(ctx);
  txn.no_log = true;
  txn.termination = {'L', 'R'};
  return answer(txn, page_for(txn, failing ? 503 : 200), ctx);
}

namespace {

void bind_uri(void* s, const Directive& d, const Row& row) {
  scope_of(s).proxy->s.monitor_uri = args_of(d, row)[0].text;
}

void bind_fail(void* s, const Directive& d, const Row& row) {
  Scope& scope = scope_of(s);
  Words args = args_of(d, row);
  if (find_condition(args, 0) != 0) {
    scope.error(args[0].where, "'monitor fail' takes a condition that begins with 'if' or 'unless'", {},
                "'monitor fail' requires either 'if' or 'unless' followed by a condition.");
    return;
  }
  ParseEnv env = scope.env();
  scope.proxy->monitor_fail = scope.proxy->acls.condition(args, kAtFrontendRequest, env);
}

constexpr Row kRows[] = {
    {"monitor-uri", kFrontends, 1, 1, Block::none, Inherit::copy, bind_uri, "<uri>",
     "path that answers 200 to health probes by itself"},
    {"monitor fail", kFrontend | kListen, 2, -1, Block::none, Inherit::none, bind_fail, "{ if | unless } <condition>",
     "condition under which monitor-uri answers 503"},
};

}  // namespace

const config::Table kMonitorTable = kRows;

}  // namespace weir::haproxy
