// allow and deny (ngx_http_access_module): the first rule that fits the client's address decides. `satisfy` combines the
// result with other access checks; see core.cc.
#include <fmt/format.h>

#include "nginx/client_addr.h"
#include "nginx/core.h"
#include "nginx/error_log.h"
#include "nginx/modules.h"
#include "nginx/request.h"
#include "proxy/transaction.h"

namespace weir::nginx {
namespace {

struct AccessRule {
  Network network;
  bool deny = false;
};

struct AccessConf {
  ArenaList<AccessRule> rules;
};

void bind_rule(void* s, const Directive& d, const Row& row) {
  Scope& scope = *static_cast<Scope*>(s);
  AccessRule rule;
  rule.deny = row.name == "deny";
  if (read_network(scope, d.arg(0), rule.network)) static_cast<AccessConf*>(scope.conf)->rules.push(scope.arena, rule);
}

Access check(proxy::Transaction& txn, proxy::Cursor&, const void* conf, uint16_t& status) {
  const net::Addr* addr = client_addr(txn);
  if (!addr) return Access::declined;
  for (const AccessRule& rule : static_cast<const AccessConf*>(conf)->rules) {
    if (!rule.network.contains(*addr)) continue;
    if (!rule.deny) return Access::allow;
    // With `satisfy any` another check may let the client in; the loss is logged at the end then.
    if (conf_of<CoreConf>(txn, kCoreModule).satisfy.get("all") == "all")
      log_error(&txn, LogLevel::error, 0, "access forbidden by rule");
    status = 403;
    return Access::deny;
  }
  return Access::declined;
}

void merge_access(Scope&, void* child, const void* parent) {
  auto& c = *static_cast<AccessConf*>(child);
  if (c.rules.empty()) c.rules = static_cast<const AccessConf*>(parent)->rules;
}

void compile_access(Scope&, Location& l, void* conf) {
  if (!static_cast<AccessConf*>(conf)->rules.empty()) l.access.push_back({check, conf});
}

const Row kTable[] = {
    {"allow", kHttpServerLocation | kLimitExcept, 1, 1, Block::none, Inherit::array, bind_rule,
     "address | CIDR | unix: | all", "lets clients of a network in"},
    {"deny", kHttpServerLocation | kLimitExcept, 1, 1, Block::none, Inherit::array, bind_rule,
     "address | CIDR | unix: | all", "keeps clients of a network out"},
};

}  // namespace

const Module kAccessModule{"access", sizeof(AccessConf), module_create<AccessConf>,
                           kTable,   merge_access,       compile_access};

}  // namespace weir::nginx
