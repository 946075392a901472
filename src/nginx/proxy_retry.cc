// proxy_next_upstream and passive health (ngx_http_upstream_next, ngx_http_upstream_free_round_robin_peer).
#include "nginx/proxy.h"
#include "nginx/request.h"
#include "nginx/upstream_error.h"
#include "proxy/shard.h"
#include "proxy/transaction.h"

namespace weir::nginx {

using proxy::Transaction;

namespace {

uint32_t status_bit(uint16_t status) {
  switch (status) {
    case 500: return kNext500;
    case 502: return kNext502;
    case 503: return kNext503;
    case 504: return kNext504;
    case 403: return kNext403;
    case 404: return kNext404;
    case 429: return kNext429;
    default: return 0;
  }
}

uint32_t bit_of(const Transaction& txn, const Error& why) {
  switch (why.fault) {
    case Fault::none: return status_bit(txn.response.status);
    case Fault::timeout:
    case Fault::connect_timeout: return kNextTimeout;
    case Fault::bad_message:
    case Fault::too_large: return kNextInvalidHeader;
    default: return kNextError;
  }
}

// A request of another personality has no proxy_next_upstream of its own: the default holds.
uint32_t enabled(const Transaction& txn) {
  if (!txn.plan) return 0;
  const auto* c = static_cast<const ProxyConf*>(txn.plan->conf);
  return c ? c->next_upstream.get(kNextError | kNextTimeout) : kNextError | kNextTimeout;
}

bool failure_counts(const Transaction& txn, uint32_t bit) {
  // A wrong answer counts against the server only when it makes the next one be tried, and 403 and 404 never do.
  if (bit & (kNext403 | kNext404)) return false;
  if (bit & (kNextError | kNextTimeout | kNextInvalidHeader)) return true;
  return (enabled(txn) & bit) != 0;
}

}  // namespace

bool wants_next_upstream(const Transaction& txn, const Error& why) {
  uint32_t bit = bit_of(txn, why);
  uint32_t on = enabled(txn);
  if (why.status) return false;  // nothing about the server
  if (bit == 0 || (on & kNextOff) || !(on & bit)) return false;
  const proxy::Forward& plan = *txn.plan;
  uint32_t all = 0;
  for (const model::Server* s : txn.pool->servers) all += !s->absent();
  uint32_t most = plan.tries ? std::min(plan.tries, all) : all;
  if (txn.tries_done >= most) return false;
  if (plan.tries_timeout && txn.shard.loop.now() - txn.attempts[0].start_ms >= plan.tries_timeout) return false;
  bool repeatable = http::is_idempotent(txn.request.method) || (on & kNextNonIdempotent);
  return repeatable || !txn.request_sent();
}

void count_failure(Transaction& txn, const Error& why) {
  if (!txn.server || txn.server->max_fails == 0 || !txn.pool->passive_health) return;
  if (!failure_counts(txn, bit_of(txn, why))) return;
  model::ServerState& s = *txn.server->state;
  auto now = static_cast<int64_t>(txn.shard.loop.now());
  bool last_straw = s.fails.fetch_add(1, std::memory_order_relaxed) + 1 >= txn.server->max_fails;
  if (last_straw && txn.pool->servers.size() > 1) log_disabled(txn, why);
  s.checked_ms.store(now, std::memory_order_relaxed);
  if (last_straw) model::state_changed(*txn.server);
}

void count_answer(Transaction& txn) {
  if (!txn.server || !txn.pool->passive_health) return;
  uint32_t bit = status_bit(txn.response.status);
  model::ServerState& s = *txn.server->state;
  if (bit && failure_counts(txn, bit) && wants_next_upstream(txn, {})) return count_failure(txn, {});
  // Answers in between do not excuse failures; one does that was asked for when fail_timeout had passed.
  if (s.fails.load(std::memory_order_relaxed) == 0) return;
  auto asked = static_cast<int64_t>(txn.attempts[txn.attempts.size - 1].start_ms);
  int64_t failed = s.checked_ms.load(std::memory_order_relaxed);
  if (asked - failed <= static_cast<int64_t>(txn.server->fail_timeout)) return;
  if (s.fails.exchange(0, std::memory_order_relaxed) < txn.server->max_fails) return;
  // It has been back since its failures were old enough; a slow start that began then goes on.
  if (txn.server->limits.slow_start)
    s.warmth.since_ms.store(static_cast<uint64_t>(failed) + txn.server->fail_timeout + 1, std::memory_order_relaxed);
  model::state_changed(*txn.server);
}

}  // namespace weir::nginx
