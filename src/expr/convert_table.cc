// Converters that look their input up in a stick table (configuration.txt 7.3.1): table_*, in_table. A key that the table does not
// have gives 0, a datum that it does not store nothing. They do not make entries live longer, unless they change them.
#include "expr/table_access.h"
#include "expr/tables.h"

namespace weir::expr {
namespace {

using sticky::Datum;
using sticky::StickTable;
using Guard = sticky::Table::Guard;
using Entry = sticky::Table::Entry;
using stats::monotonic_ms;

template <Datum datum, bool array = false, int shift = 0>
bool read(const Ctx& ctx, const Arg* args, Value& v) {
  const StickTable* t = table_of(args[array]);
  Str key;
  if (!t || !t->key_of(v, *ctx.arena, key)) return false;
  Datum d = datum;
  uint32_t index = 0;
  const bool stored = find_store(*t, d, args, array, index);
  const uint64_t now = monotonic_ms();
  Guard guard(t->table, key);
  Entry* e = guard.find(now);
  if (!e) return give_count(v, 0);
  return stored && give_count(v, t->value(*e, d, index, now) >> shift);
}

template <Datum datum, Datum rate, bool array, bool clears>
bool change(const Ctx& ctx, const Arg* args, Value& v) {
  const StickTable* t = table_of(args[array]);
  Str key;
  if (!t || !t->key_of(v, *ctx.arena, key)) return false;
  const uint64_t now = monotonic_ms();
  Guard guard(t->table, key);
  Entry* e = guard.find(now);
  if (!e && !clears) e = guard.add(now, !t->nopurge);
  return change_counter(*t, e, guard, datum, rate, clears, args, array, now, v);
}

bool in_table(const Ctx& ctx, const Arg* args, Value& v) {
  const StickTable* t = table_of(args[0]);
  Str key;
  if (!t) return false;
  bool found = false;
  if (t->key_of(v, *ctx.arena, key)) {
    Guard guard(t->table, key);
    found = guard.find(monotonic_ms());
  }
  v = Value::of_bool(found);
  return true;
}

bool trackers(const Ctx& ctx, const Arg* args, Value& v) {
  const StickTable* t = table_of(args[0]);
  Str key;
  if (!t || !t->key_of(v, *ctx.arena, key)) return false;
  Guard guard(t->table, key);
  Entry* e = guard.find(monotonic_ms());
  return give_count(v, e ? e->trackers.total() : 0);
}

// Milliseconds that the entry has left, or that have passed since it was touched; the second argument where there is none.
template <bool idle>
bool time_left(const Ctx& ctx, const Arg* args, Value& v) {
  const StickTable* t = table_of(args[0]);
  Str key;
  if (!t || !t->key_of(v, *ctx.arena, key)) return false;
  const uint64_t now = monotonic_ms();
  Guard guard(t->table, key);
  Entry* e = guard.find(now);
  if (!e) {
    if (!args[1].present) return false;
    v = Value::of(args[1].number);
    return true;
  }
  uint64_t left = e->expires_ms > now ? e->expires_ms - now : 0;
  return give_count(v, idle ? t->expire_ms - std::min<uint64_t>(left, t->expire_ms) : left);
}

constexpr ConvertDef row(Str name, ConvertFn convert, Str help, Type out = Type::integer) {
  return {name, 0, 1, Type::any, out, convert, check_home<0>, help, "T"};
}
constexpr ConvertDef indexed(Str name, ConvertFn convert, Str help) {
  return {name, 1, 2, Type::any, Type::integer, convert, check_home<1>, help, "iT"};
}
constexpr ConvertDef timed(Str name, ConvertFn convert, Str help) {
  return {name, 0, 2, Type::any, Type::integer, convert, check_home<0>, help, "Ti"};
}

using D = Datum;

// clang-format off
constexpr ConvertDef kTable[] = {
    row("in_table", in_table, "whether the key is in a table", Type::boolean),
    row("table_bytes_in_rate", read<D::bytes_in_rate>, "bytes from the client of the key per period"),
    row("table_bytes_out_rate", read<D::bytes_out_rate>, "bytes to the client of the key per period"),
    indexed("table_clr_gpc", change<D::gpc, D::gpc_rate, true, true>, "clear a general purpose counter of the key and return it"),
    row("table_clr_gpc0", change<D::gpc0, D::gpc0_rate, false, true>, "clear the first general purpose counter of the key and return it"),
    row("table_clr_gpc1", change<D::gpc1, D::gpc1_rate, false, true>, "clear the second general purpose counter of the key and return it"),
    row("table_conn_cnt", read<D::conn_cnt>, "connections of the key so far"),
    row("table_conn_cur", read<D::conn_cur>, "concurrent connections of the key"),
    row("table_conn_rate", read<D::conn_rate>, "connections of the key per period"),
    timed("table_expire", time_left<false>, "milliseconds until the entry expires"),
    row("table_glitch_cnt", read<D::glitch_cnt>, "protocol glitches of the key so far"),
    row("table_glitch_rate", read<D::glitch_rate>, "protocol glitches of the key per period"),
    indexed("table_gpc", read<D::gpc, true>, "a general purpose counter of the key"),
    row("table_gpc0", read<D::gpc0>, "first general purpose counter of the key"),
    row("table_gpc0_rate", read<D::gpc0_rate>, "growth of the first general purpose counter of the key per period"),
    row("table_gpc1", read<D::gpc1>, "second general purpose counter of the key"),
    row("table_gpc1_rate", read<D::gpc1_rate>, "growth of the second general purpose counter of the key per period"),
    indexed("table_gpc_rate", read<D::gpc_rate, true>, "growth of a general purpose counter of the key per period"),
    indexed("table_gpt", read<D::gpt, true>, "a general purpose tag of the key"),
    row("table_gpt0", read<D::gpt0>, "first general purpose tag of the key"),
    row("table_http_err_cnt", read<D::http_err_cnt>, "HTTP errors of the key so far"),
    row("table_http_err_rate", read<D::http_err_rate>, "HTTP errors of the key per period"),
    row("table_http_fail_cnt", read<D::http_fail_cnt>, "HTTP failures of the key so far"),
    row("table_http_fail_rate", read<D::http_fail_rate>, "HTTP failures of the key per period"),
    row("table_http_req_cnt", read<D::http_req_cnt>, "HTTP requests of the key so far"),
    row("table_http_req_rate", read<D::http_req_rate>, "HTTP requests of the key per period"),
    timed("table_idle", time_left<true>, "milliseconds since the entry was used"),
    indexed("table_inc_gpc", change<D::gpc, D::gpc_rate, true, false>, "increment a general purpose counter of the key and return it"),
    row("table_inc_gpc0", change<D::gpc0, D::gpc0_rate, false, false>, "increment the first general purpose counter of the key and return it"),
    row("table_inc_gpc1", change<D::gpc1, D::gpc1_rate, false, false>, "increment the second general purpose counter of the key and return it"),
    row("table_kbytes_in", read<D::bytes_in_cnt, false, 10>, "kilobytes from the client of the key so far"),
    row("table_kbytes_out", read<D::bytes_out_cnt, false, 10>, "kilobytes to the client of the key so far"),
    row("table_server_id", read<D::server_id>, "number of the server stored under the key"),
    row("table_sess_cnt", read<D::sess_cnt>, "sessions of the key so far"),
    row("table_sess_rate", read<D::sess_rate>, "sessions of the key per period"),
    row("table_trackers", trackers, "streams tracking the key now"),
};
// clang-format on

// The entries that a table has, and those that it has room for.
template <bool free>
bool table_count(const Ctx&, const Arg* args, Value& out) {
  const StickTable* t = table_of(args[0]);
  if (!t) return false;
  uint32_t used = t->table.used(monotonic_ms());
  return give_count(out, free ? t->size - std::min(used, t->size) : used);
}

constexpr FetchDef kFetches[] = {
    {"table_avl", 0, 1, Type::integer, kAnywhere, table_count<true>, check_home<0>, "free entries of a stick table",
     "T"},
    {"table_cnt", 0, 1, Type::integer, kAnywhere, table_count<false>, check_home<0>, "used entries of a stick table",
     "T"},
};

}  // namespace

ConvertTable table_converters() {
  return kTable;
}

FetchTable table_fetches() {
  return kFetches;
}

}  // namespace weir::expr
