// See nginx/proxy_bind.h (ngx_http_upstream_bind_set_slot).
#include "nginx/proxy_bind.h"

#include <fmt/format.h>
#include <linux/capability.h>

#include "net/source.h"
#include "nginx/client_addr.h"
#include "nginx/error_log.h"
#include "nginx/proxy.h"
#include "nginx/request.h"
#include "proxy/forward.h"

namespace weir::nginx {
namespace {

struct Local {
  net::Source fixed;  // without `value`
  const Script* value = nullptr;
  bool transparent = false;
};
struct ProxyBindConf {
  Setting<const Local*> local;  // null: off
};

void bind_local(void* s, const Directive& d, const Row&) {
  auto& scope = *static_cast<Scope*>(s);
  auto& conf = *static_cast<ProxyBindConf*>(scope.conf);
  const config::Word& word = d.arg(0);
  if (conf.local.set) {
    scope.error(d.where, "\"proxy_bind\" stands here twice").product = "\"proxy_bind\" directive is duplicate";
    return;
  }
  if (d.args() == 1 && word == "off") {
    conf.local = nullptr;
    return;
  }
  auto* local = scope.arena.make<Local>();
  const Script* value = compile_script(scope.arena, scope.http->variables, word.text, word.where, scope.diag);
  if (!value) return;
  if (!value->constant()) {
    local->value = value;
  } else if (!parse_ip_port(word.text, local->fixed.addr)) {
    scope.error(word.where, fmt::format("invalid address \"{}\"", word.text), "write: address[:port]").product =
        fmt::format("invalid address \"{}\"", word.text);
    return;
  }
  if (d.args() > 1) {
    const config::Word& how = d.arg(1);
    if (how != Str("transparent")) {
      scope.error(how.where, fmt::format("invalid parameter \"{}\"", how.text), "transparent").product =
          fmt::format("invalid parameter \"{}\"", how.text);
      return;
    }
    local->transparent = local->fixed.transparent = true;
    // Workers keep what it takes when they become another user.
    scope.model.process.capabilities |= 1u << CAP_NET_RAW;
  }
  conf.local = local;
}

const net::Source* source_of(proxy::Transaction& txn, const proxy::Forward&) {
  const Local* local = conf_of<ProxyBindConf>(txn, kProxyBindModule).local.get(nullptr);
  if (!local) return nullptr;
  if (!local->value) return &local->fixed;
  Str text = local->value->eval(txn);
  if (text.empty()) return nullptr;
  auto* source = txn.arena.make<net::Source>();
  source->transparent = local->transparent;
  if (parse_ip_port(text, source->addr)) return source;
  log_error(&txn, LogLevel::error, 0, fmt::format("invalid local address \"{}\"", text), "connecting to upstream");
  return nullptr;
}

const Row kTable[] = {
    {"proxy_bind",
     kHttpServerLocation,
     1,
     2,
     Block::none,
     Inherit::scalar,
     bind_local,
     "address [transparent] | off",
     "local address, with or without a port, of connections to servers; transparent: also one of another machine",
     {},
     WEIR_FIELD(ProxyBindConf, local),
     {}},
};

}  // namespace

void plan_source(Scope&, const Location& location, proxy::Forward& plan) {
  if (location.of<ProxyBindConf>(kProxyBindModule).local.get(nullptr)) plan.source = source_of;
}

const Module kProxyBindModule{"proxy_bind", sizeof(ProxyBindConf), module_create<ProxyBindConf>, kTable};

}  // namespace weir::nginx
