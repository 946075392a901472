// Variables about how a request went, mostly for logs (ngx_http_log_module and ngx_http_core_module).
#include <fmt/format.h>
#include <time.h>

#include "http/h1_server.h"
#include "nginx/connection_number.h"
#include "nginx/modules.h"
#include "nginx/request.h"
#include "proxy/forward.h"
#include "proxy/shard.h"
#include "proxy/transaction.h"

namespace weir::nginx {
namespace {

using expr::Arg;
using expr::Ctx;

bool text(Value& out, Str s) {
  out = Value::of(s);
  return true;
}

time_t now(const Ctx& ctx) {
  return static_cast<time_t>(ctx.txn->shard.loop.wall_us() / 1000000);
}

// strftime of the current second, made once a second and thread.
struct Stamp {
  const char* format;
  bool zone_colon;
  time_t made = 0;
  std::string text;

  Str get(time_t when) {
    if (when == made) return text;
    tm t;
    localtime_r(&when, &t);
    char buffer[64];
    text.assign(buffer, strftime(buffer, sizeof buffer, format, &t));
    if (zone_colon) text.insert(text.size() - 2, ":");
    made = when;
    return text;
  }
};

bool time_local(const Ctx& ctx, const Arg*, Value& out) {
  thread_local Stamp stamp{"%d/%b/%Y:%H:%M:%S %z", false};
  return text(out, ctx.arena->dup(stamp.get(now(ctx))));
}
bool time_iso8601(const Ctx& ctx, const Arg*, Value& out) {
  thread_local Stamp stamp{"%Y-%m-%dT%H:%M:%S%z", true};
  return text(out, ctx.arena->dup(stamp.get(now(ctx))));
}
bool msec(const Ctx& ctx, const Arg*, Value& out) {
  uint64_t us = ctx.txn->shard.loop.wall_us();
  return text(out, ctx.arena->dup(fmt::format("{}.{:03}", us / 1000000, us / 1000 % 1000)));
}
bool request_time(const Ctx& ctx, const Arg*, Value& out) {
  const proxy::Times& t = ctx.txn->times;
  uint64_t end = t.end_ms ? t.end_ms : ctx.txn->shard.loop.now();
  uint64_t start = t.idle_ms ? t.idle_ms : t.head_ms;
  uint64_t ms = end > start ? end - start : 0;
  return text(out, ctx.arena->dup(fmt::format("{}.{:03}", ms / 1000, ms % 1000)));
}

// Without an answer: what nginx makes of a client that left, else what would have been answered. Where the server was to go on
// without the client, that is what it did.
uint16_t status_of(const proxy::Transaction& txn) {
  const Error& why = txn.error;
  if (txn.response_started || !why) return txn.response.status;
  if (why.status) return why.status;
  const bool goes_on = txn.plan && txn.plan->client.ignore_client_abort && txn.upload_ended() && txn.attempts.size;
  if (uint16_t status = goes_on ? txn.attempts[txn.attempts.size - 1].status : 0) return status;
  if (why.side != Side::client) return txn.response.status;
  return !txn.upload_ended() && (txn.collected() || txn.plan) ? 400 : 499;
}
bool status(const Ctx& ctx, const Arg*, Value& out) {
  return text(out, ctx.arena->dup(fmt::format("{:03}", status_of(*ctx.txn))));
}
// What left for the client behind the head, the framing of chunks included.
uint64_t body_bytes(const proxy::Transaction& txn) {
  const http::H1Server* client = of(txn).subrequest ? nullptr : client_of(txn);
  return txn.down.sent + (client ? client->framing_bytes() : 0);
}
bool body_bytes_sent(const Ctx& ctx, const Arg*, Value& out) {
  return text(out, ctx.arena->dup(fmt::format_int(body_bytes(*ctx.txn)).c_str()));
}
bool bytes_sent(const Ctx& ctx, const Arg*, Value& out) {
  return text(out, ctx.arena->dup(fmt::format_int(ctx.txn->head_sent_bytes + body_bytes(*ctx.txn)).c_str()));
}
bool pipe(const Ctx& ctx, const Arg*, Value& out) {
  const http::H1Server* client = client_of(*ctx.txn);
  return text(out, client && client->pipelined() ? "p" : ".");
}

const VariableDef kVariables[] = {
    {"time_local", time_local, false},
    {"time_iso8601", time_iso8601, false},
    {"msec", msec, false},
    {"request_time", request_time, false},
    {"status", status, false},
    {"bytes_sent", bytes_sent, false},
    {"body_bytes_sent", body_bytes_sent, false},
    {"pipe", pipe, false},
};

}  // namespace

const std::span<const VariableDef> kLogVariables{kVariables};

}  // namespace weir::nginx
