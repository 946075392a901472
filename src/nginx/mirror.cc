// mirror: copies of a request in the background, whose answers nobody reads (ngx_http_mirror_module).
#include "nginx/core.h"
#include "nginx/define.h"
#include "nginx/modules.h"
#include "nginx/request.h"
#include "nginx/subrequest.h"
#include "proxy/transaction.h"

namespace weir::nginx {
namespace {

using proxy::Next;
using proxy::Transaction;

struct MirrorConf {
  ArenaList<Str> uris;
  bool set = false;  // this level says something, "off" included
  Setting<bool> request_body;
};

Next send_copies(Transaction& txn, proxy::Cursor& cursor, const void* c) {
  const auto& conf = *static_cast<const MirrorConf*>(c);
  if (of(txn).subrequest) return Next::next;
  bool body = conf.request_body.get(true);
  const auto& core = conf_of<CoreConf>(txn, kCoreModule);
  auto memory = static_cast<uint32_t>(std::min<uint64_t>(core.client_body_buffer_size.get(16384), UINT32_MAX / 2));
  if (body && !txn.collect_body(cursor, memory, true, core.body_temp_path.get({}))) return Next::wait;
  for (Str uri : conf.uris) {
    proxy::SubrequestOptions o;
    o.uri = uri;
    o.args = of(txn).args;
    o.method = txn.request.method;
    o.method_text = of(txn).method_name;
    o.with_body = body && txn.collected() && txn.collected()->size > 0;
    o.background = true;
    subrequest(txn, nullptr, o);
  }
  return Next::next;
}

void bind_mirror(void* s, const Directive& d, const Row&) {
  Scope& scope = *static_cast<Scope*>(s);
  auto& conf = *static_cast<MirrorConf*>(scope.conf);
  bool off = d.arg(0).text == "off";
  if (conf.set && (off || conf.uris.empty()))
    return refuse(scope, d.where, "\"mirror\" directive is duplicate", "\"mirror off\" cannot stand with others");
  conf.set = true;
  if (!off) conf.uris.push(scope.arena, scope.arena.dup(d.arg(0).text));
}

void merge(Scope&, void* child, const void* parent) {
  auto& c = *static_cast<MirrorConf*>(child);
  const auto& p = *static_cast<const MirrorConf*>(parent);
  if (c.set) return;
  c.set = p.set;
  c.uris = p.uris;
}

void compile(Scope&, Location& l, void* c) {
  if (!static_cast<MirrorConf*>(c)->uris.empty()) l.step(Phase::precontent, send_copies, c);
}

const Row kTable[] = {
    {"mirror", kHttpServerLocation, 1, 1, Block::none, Inherit::array, bind_mirror, "uri | off",
     "sends a copy of each request to this URI, too"},
    {"mirror_request_body",
     kHttpServerLocation,
     1,
     1,
     Block::none,
     Inherit::scalar,
     set_flag,
     "on | off",
     "whether copies have the request's body",
     {},
     WEIR_FIELD(MirrorConf, request_body),
     "on"},
};

}  // namespace

const Module kMirrorModule{"mirror", sizeof(MirrorConf), module_create<MirrorConf>, kTable, merge, compile};

}  // namespace weir::nginx
