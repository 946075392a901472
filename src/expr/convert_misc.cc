// Converters that touch state: variables, captures, the debug ring, servers by name; and address masks.
#include <fmt/format.h>

#include <string>

#include "expr/args.h"
#include "expr/fetch_helpers.h"
#include "expr/tables.h"
#include "expr/variables.h"
#include "net/tls_errors.h"
#include "proxy/shard.h"

namespace weir::expr {
namespace {

bool set_var(const Ctx& ctx, const Arg* args, Value& v) {
  set_variable(ctx, *static_cast<const Variable*>(args[0].object), v, static_cast<uint8_t>(args[1].number));
  return true;
}
std::string check_set_var(Arg* args, int count, Arena&) {
  int64_t conditions = 0;
  for (int i = 1; i < count; i++) {
    uint8_t bit = set_condition(args[i].str);
    if (!bit) return fmt::format("unknown condition '{}' for set-var", args[i].str);
    conditions |= bit;
  }
  args[1].number = conditions;
  return {};
}
bool unset_var(const Ctx& ctx, const Arg* args, Value&) {
  unset_variable(ctx, *static_cast<const Variable*>(args[0].object));
  return true;
}

bool debug(const Ctx& ctx, const Arg* args, Value& v) {
  if (!hooks.debug) return true;
  Value copy = v;
  Str shown = cast(copy, Type::string, *ctx.arena) ? copy.str : Str{};
  std::string line = fmt::format("[debug] {}: type={} <", args[0].str, type_name(v.type));
  for (char c : shown) line += c >= 0x20 && c < 0x7f ? c : '.';
  line += '>';
  hooks.debug(args[1].str.empty() ? Str("buf0") : args[1].str, line);
  return true;
}

bool ip_mask(const Ctx& ctx, const Arg* args, Value& v) {
  cast(v, Type::ipv4, *ctx.arena);
  if (v.type == Type::ipv4) {
    v.v4.s_addr &= static_cast<const Value*>(args[0].object)->v4.s_addr;
    return true;
  }
  if (v.type != Type::ipv6 || !args[1].object) return false;
  const in6_addr& mask = static_cast<const Value*>(args[1].object)->v6;
  for (int i = 0; i < 16; i++) v.v6.s6_addr[i] &= mask.s6_addr[i];
  return true;
}

template <bool response>
bool capture(const Ctx& ctx, const Arg* args, Value& v) {
  return hooks.set_capture && hooks.set_capture(ctx, response, static_cast<uint32_t>(args[0].number), v.str);
}
std::string check_capture(Arg* args, int, Arena&) {
  return args[0].number < 0 ? "capture identifier must be >= 0" : std::string{};
}

// "BACKEND" or "BACKEND/SERVER" as a value.
const model::Pool* pool_named(const Ctx& ctx, Str name) {
  return ctx.txn ? ctx.txn->shard.model.find_pool(name) : nullptr;
}
const model::Server* server_named(const Ctx& ctx, Str name) {
  Str server = name;
  Str backend = name.find('/') == Str::npos ? Str{} : cut(server, '/');
  const model::Pool* pool = backend.empty() ? (ctx.txn ? ctx.txn->pool : nullptr) : pool_named(ctx, backend);
  if (!pool) return nullptr;
  for (const model::Server* s : pool->servers)
    if (s->name == server && !s->absent()) return s;
  return nullptr;
}
bool usable_servers(const Ctx& ctx, const Arg*, Value& v) {
  const model::Pool* pool = pool_named(ctx, v.str);
  return pool && give(v, serving_count(*pool));
}
bool server_is_up(const Ctx& ctx, const Arg*, Value& v) {
  const model::Server* s = server_named(ctx, v.str);
  return s &&
         give_bool(v, s->state->up.load(std::memory_order_relaxed) &&
                          s->state->admin.load(std::memory_order_relaxed) != static_cast<uint8_t>(model::Admin::maint));
}
bool server_queue(const Ctx& ctx, const Arg*, Value& v) {
  const model::Server* s = server_named(ctx, v.str);
  return s && give(v, int64_t{s->state->queued.read()});
}

bool verify_error_text(const Ctx& ctx, const Arg*, Value& v) {
  const Str name = net::verify_error_name(static_cast<int>(v.integer));
  return give(v, name.empty() ? ctx.arena->dup(std::to_string(v.integer)) : name);
}

// when([!]CONDITION): lets the value pass or takes it away.
enum class When : int64_t { stopping, normal, error, forwarded, toapplet, processed };
constexpr Str kWhen[] = {"stopping", "normal", "error", "forwarded", "toapplet", "processed"};

bool went_wrong(const proxy::Transaction& txn) {
  return static_cast<bool>(txn.error) || txn.attempts.size > 1 || (!txn.tcp && txn.response.status >= 500);
}
bool when(const Ctx& ctx, const Arg* args, Value&) {
  if (!ctx.txn) return false;
  const proxy::Transaction& txn = *ctx.txn;
  bool holds = false;
  switch (static_cast<When>(args[1].number)) {
    case When::stopping: holds = hooks.stopping ? hooks.stopping() : txn.shard.draining(); break;
    case When::normal: holds = !went_wrong(txn); break;
    case When::error: holds = went_wrong(txn); break;
    case When::forwarded: holds = !txn.attempts.empty() && !txn.local_reply; break;
    case When::toapplet: holds = txn.local_reply; break;
    case When::processed: holds = txn.local_reply || !txn.attempts.empty(); break;
  }
  return holds != (args[0].number != 0);
}
std::string check_when(Arg* args, int, Arena&) {
  Str word = args[0].str;
  args[0].number = word.starts_with('!');
  if (args[0].number) word.remove_prefix(1);
  for (size_t i = 0; i < std::size(kWhen); i++) {
    if (word != kWhen[i]) continue;
    args[1].number = static_cast<int64_t>(i);
    return {};
  }
  return fmt::format(
      "expects a supported keyword among {{stopping,normal,error,forwarded,toapplet,processed}} but got '{}'", word);
}

constexpr Type kInt = Type::integer;
constexpr Type kText = Type::string;

// clang-format off
constexpr ConvertDef kTable[] = {
    {"capture-req", 1, 1, kText, kText, capture<false>, check_capture, "keeps the text in a request capture slot", "i"},
    {"capture-res", 1, 1, kText, kText, capture<true>, check_capture, "keeps the text in a response capture slot", "i"},
    {"debug", 0, 2, Type::any, Type::same, debug, nullptr, "writes the value to a ring and passes it on"},
    {"ipmask", 1, 2, Type::addr, Type::addr, ip_mask, nullptr, "the network of an address", "mM"},
    {"nbsrv", 0, 0, kText, kInt, usable_servers, nullptr, "usable servers of the backend of that name"},
    {"set-var", 1, 5, Type::any, Type::same, set_var, check_set_var, "sets a variable and passes the value on", "V"},
    {"srv_is_up", 0, 0, kText, Type::boolean, server_is_up, nullptr, "whether the server of that name is up"},
    {"srv_queue", 0, 0, kText, kInt, server_queue, nullptr, "requests that wait for the server of that name"},
    {"unset-var", 1, 1, Type::any, Type::same, unset_var, nullptr, "unsets a variable and passes the value on", "V"},
    {"x509_v_err_str", 0, 0, kInt, kText, verify_error_text, nullptr, "the name of an error of verification"},
    {"when", 1, 3, Type::any, Type::same, when, check_when, "passes the value on when a condition holds"},
};
// clang-format on

}  // namespace

ConvertTable misc_converters() {
  return kTable;
}

}  // namespace weir::expr
