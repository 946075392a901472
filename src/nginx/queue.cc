// `queue number [timeout=time]`: requests that no server of the group can take wait for one (ngx_http_upstream_module, of the
// commercial nginx). Those that find the queue full, or waited in vain, are answered 502. $upstream_queue_time.
#include <fmt/format.h>

#include "nginx/modules.h"
#include "proxy/queue.h"
#include "proxy/transaction.h"

namespace weir::nginx {
namespace {

using expr::Arg;
using expr::Ctx;
using expr::Value;

void bind_queue(void* s, const Directive& d, const Row&) {
  auto& scope = *static_cast<Scope*>(s);
  model::PoolLimits& limits = scope.pool->limits;
  auto n = parse_u64(d.arg(0).text);
  if (!n || *n == 0 || *n > INT32_MAX) return bad_value(scope, d, 0, "a number of requests");
  limits.max_queue = static_cast<int32_t>(*n);
  if (d.args() < 2) return;
  Str word = d.arg(1).text;
  uint64_t ms = 0;
  if (!word.starts_with("timeout=") || !parse_ms(word.substr(8), ms) || ms == 0 || ms > INT32_MAX)
    return bad_value(scope, d, 1, "timeout= and a time such as 60s");
  limits.queue_timeout = static_cast<uint32_t>(ms);
}

// A request waits at most once, before its first server; for all others there is a dash.
bool upstream_queue_time(const Ctx& ctx, const Arg*, Value& out) {
  const proxy::Transaction& txn = *ctx.txn;
  const size_t tries = txn.attempts.size;
  if (!tries && !txn.queued) return false;
  std::string all = "-";
  if (txn.queued) {
    const uint64_t until = txn.times.queue_ms ? txn.times.queue_ms : txn.shard.loop.now();
    const uint64_t ms = until - std::min(until, txn.queued->since_ms);
    all = fmt::format("{}.{:03}", ms / 1000, ms % 1000);
  }
  for (size_t i = 1; i < tries; i++) all += ", -";
  out = Value::of(ctx.arena->dup(all));
  return true;
}

const Row kTable[] = {
    {"queue", kUpstream, 1, 2, Block::none, Inherit::none, bind_queue, "number [timeout=time]",
     "lets so many requests wait for a server, 60 seconds unless said otherwise; all others are answered 502"},
};

const VariableDef kVariables[] = {
    {"upstream_queue_time", upstream_queue_time, false},
};

}  // namespace

const Module kQueueModule{"queue", 0, nullptr, kTable};
const std::span<const VariableDef> kQueueVariables = kVariables;

}  // namespace weir::nginx
