// stub_status (ngx_http_stub_status_module): the counters of connections and requests, as a page and as variables.
#include <fmt/format.h>

#include "nginx/modules.h"
#include "nginx/request.h"
#include "proxy/transaction.h"
#include "stats/counters.h"

namespace weir::nginx {
namespace {

using http::Method;
using proxy::Cursor;
using proxy::Next;
using proxy::Transaction;

struct StatusConf {
  bool on = false;
};

void bind_stub_status(void* s, const Directive&, const Row&) {
  auto& scope = *static_cast<Scope*>(s);
  static_cast<StatusConf*>(scope.conf)->on = true;
}

Next show(Transaction& txn, Cursor&, const void*) {
  Method method = txn.request.method;
  if (method != Method::get && method != Method::head) return finish_with(txn, 405);
  stats::Totals t = stats::totals();
  proxy::Reply reply;
  reply.content_type = "text/plain";
  reply.body = txn.arena.dup(fmt::format(
      "Active connections: {} \nserver accepts handled requests\n {} {} {} \nReading: {} Writing: {} Waiting: {} \n",
      t.active, t.accepted, t.handled, t.requests, t.reading, t.writing, t.waiting));
  return txn.reply(reply);
}

void compile_stub_status(Scope&, Location& l, void* conf) {
  if (!static_cast<StatusConf*>(conf)->on || l.has_content) return;
  l.has_content = true;
  l.step(Phase::content, show, conf);
}

template <int64_t stats::Totals::* member>
bool count(const expr::Ctx& ctx, const expr::Arg*, Value& out) {
  out = Value::of(ctx.arena->dup(fmt::format_int(stats::totals().*member).c_str()));
  return true;
}

const Row kTable[] = {
    {"stub_status", kServer | kLocation, 0, 1, Block::none, Inherit::none, bind_stub_status, "",
     "answers with the counters of connections and requests"},
};

const VariableDef kVariables[] = {
    {"connections_active", count<&stats::Totals::active>, false},
    {"connections_reading", count<&stats::Totals::reading>, false},
    {"connections_writing", count<&stats::Totals::writing>, false},
    {"connections_waiting", count<&stats::Totals::waiting>, false},
};

}  // namespace

const Module kStubStatusModule{"stub_status", sizeof(StatusConf), module_create<StatusConf>, kTable,
                               nullptr,       compile_stub_status};
const std::span<const VariableDef> kStubStatusVariables{kVariables};

}  // namespace weir::nginx
