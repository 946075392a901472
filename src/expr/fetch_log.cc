// Fetches of timers and counters: the same numbers as the log tags of configuration.txt 8.2.6, at any time.
#include "expr/fetch_helpers.h"
#include "expr/tables.h"

namespace weir::expr {
namespace {

template <int64_t Timers::* member>
bool timer(const Ctx& ctx, const Arg*, Value& out) {
  return ctx.txn && give(out, timers_of(ctx).*member);
}

// Request bytes count from the client and towards the server, response bytes the other way round; heads included.
bool request_in(const Ctx& ctx, const Arg*, Value& out) {
  if (!ctx.txn) return false;
  return give(out, static_cast<int64_t>(ctx.txn->request.header_bytes + ctx.txn->body_received));
}
bool request_out(const Ctx& ctx, const Arg*, Value& out) {
  if (!ctx.txn) return false;
  uint64_t sum = 0;
  for (const proxy::Attempt& a : ctx.txn->attempts) sum += a.bytes_out;
  return give(out, static_cast<int64_t>(sum));
}
bool response_in(const Ctx& ctx, const Arg*, Value& out) {
  if (!ctx.txn) return false;
  uint64_t sum = 0;
  for (const proxy::Attempt& a : ctx.txn->attempts) sum += a.bytes_in;
  return give(out, static_cast<int64_t>(sum));
}
bool response_out(const Ctx& ctx, const Arg*, Value& out) {
  return ctx.txn && give(out, static_cast<int64_t>(ctx.txn->head_sent_bytes + ctx.txn->down.sent));
}

bool conn_retries(const Ctx& ctx, const Arg*, Value& out) {
  if (!ctx.txn) return false;
  if (hooks.retries) return give(out, int64_t{hooks.retries(ctx)});
  return give(out, ctx.txn->attempts.size > 1 ? int64_t{ctx.txn->attempts.size} - 1 : int64_t{0});
}
bool redispatched(const Ctx& ctx, const Arg*, Value& out) {
  if (!ctx.txn) return false;
  if (hooks.redispatched) return give_bool(out, hooks.redispatched(ctx));
  const auto& a = ctx.txn->attempts;
  return give_bool(out, a.size > 1 && a[a.size - 1].server != a[a.size - 2].server);
}
bool id32(const Ctx& ctx, const Arg*, Value& out) {
  return ctx.txn && give(out, static_cast<int64_t>(ctx.txn->id & 0xffffffff));
}
bool accept_date(const Ctx& ctx, const Arg* args, Value& out) {
  if (!ctx.txn) return false;
  const proxy::Times& t = ctx.txn->times;
  uint64_t us = t.start_us - (t.head_ms > t.accept_ms ? (t.head_ms - t.accept_ms) * 1000 : 0);
  return give(out, static_cast<int64_t>(args[0].str == "us" ? us : args[0].str == "ms" ? us / 1000 : us / 1000000));
}
bool request_date(const Ctx& ctx, const Arg* args, Value& out) {
  if (!ctx.txn) return false;
  const proxy::Times& t = ctx.txn->times;
  uint64_t us = t.start_us - (t.idle_ms && t.head_ms > t.idle_ms ? (t.head_ms - t.idle_ms) * 1000 : 0);
  return give(out, static_cast<int64_t>(args[0].str == "us" ? us : args[0].str == "ms" ? us / 1000 : us / 1000000));
}
std::string check_unit(Arg* args, int, Arena&) {
  Str unit = args[0].str;
  return unit.empty() || unit == "s" || unit == "ms" || unit == "us" ? std::string{} : "'s', 'ms' or 'us' is expected";
}

bool last_rule_file(const Ctx& ctx, const Arg*, Value& out) {
  Str file;
  uint32_t line = 0;
  return hooks.last_rule && hooks.last_rule(ctx, file, line) && give(out, file);
}
bool last_rule_line(const Ctx& ctx, const Arg*, Value& out) {
  Str file;
  uint32_t line = 0;
  return hooks.last_rule && hooks.last_rule(ctx, file, line) && give(out, int64_t{line});
}

constexpr Type kInt = Type::integer;

// clang-format off
constexpr FetchDef kTable[] = {
    {"accept_date", 0, 1, kInt, kClientConn, accept_date, check_unit, "when the connection was accepted"},
    {"bc.timer.connect", 0, 0, kInt, kServerAddress, timer<&Timers::connect>, nullptr, "connecting to the server, in ms (%Tc)"},
    {"bytes_in", 0, 0, kInt, kRequestKept, request_in, nullptr, "bytes of the request from the client"},
    {"bytes_out", 0, 0, kInt, kServerConn, response_in, nullptr, "bytes of the response from the server"},
    {"fc.timer.handshake", 0, 0, kInt, kClientConn, timer<&Timers::handshake>, nullptr, "handshakes with the client, in ms (%Th)"},
    {"fc.timer.total", 0, 0, kInt, kClientConn, timer<&Timers::total>, nullptr, "all of it, in ms (%Tt)"},
    {"last_rule_file", 0, 0, Type::string, kAnywhere, last_rule_file, nullptr, "file of the last rule that ended its ruleset"},
    {"last_rule_line", 0, 0, kInt, kAnywhere, last_rule_line, nullptr, "line of the last rule that ended its ruleset"},
    {"req.bytes_in", 0, 0, kInt, kRequestKept, request_in, nullptr, "bytes of the request from the client"},
    {"req.bytes_out", 0, 0, kInt, kRequestKept, request_out, nullptr, "bytes of the request to the server"},
    {"req.timer.hdr", 0, 0, kInt, kRequestHead | kLog, timer<&Timers::request>, nullptr, "receiving the request head, in ms (%TR)"},
    {"req.timer.idle", 0, 0, kInt, kRequestHead | kLog, timer<&Timers::idle>, nullptr, "waiting for its first byte, in ms (%Ti)"},
    {"req.timer.queue", 0, 0, kInt, kServerAddress, timer<&Timers::queue>, nullptr, "waiting in queues, in ms (%Tw)"},
    {"req.timer.tq", 0, 0, kInt, kRequestHead | kLog, timer<&Timers::request_all>, nullptr, "accept to the end of the head, in ms (%Tq)"},
    {"request_date", 0, 1, kInt, kRequestKept, request_date, check_unit, "when the request's first byte came"},
    {"res.bytes_in", 0, 0, kInt, kServerConn, response_in, nullptr, "bytes of the response from the server"},
    {"res.bytes_out", 0, 0, kInt, kServerConn, response_out, nullptr, "bytes of the response to the client"},
    {"res.timer.data", 0, 0, kInt, kServerConn, timer<&Timers::data>, nullptr, "transferring data, in ms (%Td)"},
    {"res.timer.hdr", 0, 0, kInt, kResponseHead | kLog, timer<&Timers::response>, nullptr, "waiting for the response head, in ms (%Tr)"},
    {"txn.conn_retries", 0, 0, kInt, kServerAddress, conn_retries, nullptr, "how often it was tried again"},
    {"txn.id32", 0, 0, kInt, kAnywhere, id32, nullptr, "the transaction's number"},
    {"txn.redispatched", 0, 0, Type::boolean, kServerAddress, redispatched, nullptr, "whether another server was tried"},
    {"txn.timer.total", 0, 0, kInt, kRequestKept, timer<&Timers::active>, nullptr, "the time from its first byte, in ms (%Ta)"},
    {"txn.timer.user", 0, 0, kInt, kRequestKept, timer<&Timers::user>, nullptr, "the time that the user saw, in ms (%Tu)"},
};
// clang-format on

}  // namespace

FetchTable log_fetches() {
  return kTable;
}

}  // namespace weir::expr
