#pragma once
// What the HAProxy personality keeps for one request: which proxies it went through, its variables, captures and overrides.
// In the transaction's arena; made by begin(), or when a request of another personality enters a HAProxy backend.
#include "expr/fetch.h"
#include "expr/variables.h"
#include "haproxy/proxy.h"
#include "haproxy/track.h"
#include "net/addr.h"
#include "proxy/transaction.h"

namespace weir::health {
class Run;
}

namespace weir::haproxy {

struct Exchange {
  const Proxy* front = nullptr;
  const Proxy* back = nullptr;
  expr::VarTable* txn_vars = nullptr;  // null until the first one is asked for
  expr::VarTable* req_vars = nullptr;
  expr::VarTable* res_vars = nullptr;
  Str* request_captures = nullptr;  // by slot; data() null: nothing captured
  Str* response_captures = nullptr;
  Str unique_id;
  Str service;  // what answered in a server's place, as logs call it: "<STATS>"
  Timeouts* overrides = nullptr;  // set-timeout
  uint32_t retries = kForever;  // set-retries
  const config::Where* last_rule = nullptr;  // the last rule that ended its ruleset
  const model::Server* server = nullptr;  // that a use-server rule or persistence names
  Persistence persistence;
  Trackers* trackers = nullptr;  // once a rule tracks the exchange
  net::Addr* source = nullptr;  // set-src
  net::Addr* destination = nullptr;
  Coding coding = Coding::undecided;  // that the client and the configuration agree on
  expr::VarTable* check_vars = nullptr;
  health::Run* check = nullptr;  // of which this is no request
  uint16_t status = 0;  // to be logged and counted where the client is sent another: of errorloc and errorfile
  int8_t log_level = -1;  // set-log-level; -2: silent
  bool lenient = false;  // strict-mode off
  bool once = false;  // disable-l7-retry
  bool denied = false;
  bool tarpitted = false;
  LogStep log_step = LogStep::unspec;  // of the line that is being made
  bool logged = false;  // its one line was written before its end
};

Exchange& exchange(proxy::Transaction& txn);
inline const Exchange& exchange(const proxy::Transaction& txn) {
  return exchange(const_cast<proxy::Transaction&>(txn));
}

inline expr::Ctx context_for(proxy::Transaction& txn, bool response = false) {
  expr::Ctx ctx;
  ctx.txn = &txn;
  ctx.client = txn.client ? txn.client->conn() : nullptr;
  ctx.arena = &txn.arena;
  ctx.response = response;
  return ctx;
}

// Retries that this exchange may do.
inline uint32_t retries_of(const Exchange& x, const Proxy& back) {
  return x.retries != kForever ? x.retries : back.s.retries;
}

// Tells the expression engine and the log formats where things are. Once per process, before the first evaluation.
void install_hooks();

}  // namespace weir::haproxy
