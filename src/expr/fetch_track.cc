// Fetches of what stick tables have counted (configuration.txt 7.3.3): sc_*, sc0_* … of a tracked entry, src_* of the client's address.
// They give nothing where nothing is tracked, and 0 where there is no entry.
#include <array>

#include "expr/fetch_helpers.h"
#include "expr/table_access.h"
#include "expr/tables.h"

namespace weir::expr {
namespace {

using sticky::Datum;
using sticky::StickTable;
using Guard = sticky::Table::Guard;
using Entry = sticky::Table::Entry;

// Whose entry: that of a counter, which the first argument may name, or that of the client's address.
enum Who : int8_t { kFirst = 0, kSecond = 1, kThird = 2, kNamed = 3, kSource = 4 };

// `named`: the argument of sc_*.
template <Who who>
int64_t counter_of(const Arg& named) {
  return who == kNamed ? named.number : int64_t{who};
}

// Calls `use(table, entry or null, guard, now)` under the entry's lock. `at`: the argument behind the datum's index. False: there
// is no key, or `use` says so.
template <Who who, class Use>
bool with_entry(const Ctx& ctx, const Arg* args, int at, bool creates, Use use) {
  const uint64_t now = stats::monotonic_ms();
  const StickTable* table = nullptr;
  Str key;
  if constexpr (who == kSource) {
    table = table_of(args[at]);
    Endpoint source;
    if (!table || !client_source(ctx, source) || !table->key_of(source.address, *ctx.arena, key)) return false;
  } else {
    Tracked tracked;
    if (!hooks.tracked || !hooks.tracked(ctx, counter_of<who>(args[at]), tracked)) return false;
    const Arg& other = args[at + (who == kNamed)];
    Guard guard(tracked.table->table, tracked.place);
    Entry* e = guard.at();
    if (!other.present) return use(*tracked.table, e, guard, now);
    table = table_of(other);
    if (!table || !e) return false;
    key = ctx.arena->dup(tracked.table->table.key(*e));
  }
  Guard guard(table->table, key);
  Entry* e = guard.find(now);
  if (!e && creates) e = guard.add(now, !table->nopurge);
  return use(*table, e, guard, now);
}

template <Datum datum, bool array = false, int shift = 0>
struct Read {
  template <Who who>
  static bool fetch(const Ctx& ctx, const Arg* args, Value& out) {
    return with_entry<who>(ctx, args, array, false, [&](const StickTable& t, Entry* e, Guard&, uint64_t now) {
      Datum d = datum;
      uint32_t index = 0;
      const bool stored = find_store(t, d, args, array, index);
      if (!e) return give_count(out, 0);
      return stored && give_count(out, t.value(*e, d, index, now) >> shift);
    });
  }
};

template <Datum datum, Datum rate, bool array, bool clears>
struct Change {
  template <Who who>
  static bool fetch(const Ctx& ctx, const Arg* args, Value& out) {
    return with_entry<who>(ctx, args, array, !clears, [&](const StickTable& t, Entry* e, Guard& guard, uint64_t now) {
      return change_counter(t, e, guard, datum, rate, clears, args, array, now, out);
    });
  }
};

struct TrackersOf {
  template <Who who>
  static bool fetch(const Ctx& ctx, const Arg* args, Value& out) {
    return with_entry<who>(ctx, args, 0, false, [&](const StickTable&, Entry* e, Guard&, uint64_t) {
      return give_count(out, e ? e->trackers.total() : 0);
    });
  }
};

struct IsTracked {
  template <Who who>
  static bool fetch(const Ctx& ctx, const Arg* args, Value& out) {
    bool found = false;
    with_entry<who>(ctx, args, 0, false, [&](const StickTable&, Entry* e, Guard&, uint64_t) { return found = e; });
    return give_bool(out, found);
  }
};

struct KeyOf {
  template <Who who>
  static bool fetch(const Ctx& ctx, const Arg* args, Value& out) {
    Tracked tracked;
    if (!hooks.tracked || !hooks.tracked(ctx, counter_of<who>(args[0]), tracked)) return false;
    Guard guard(tracked.table->table, tracked.place);
    Entry* e = guard.at();
    if (!e) return false;
    out = tracked.table->key_value(ctx.arena->dup(tracked.table->table.key(*e)));
    return true;
  }
};

bool count_connection(const Ctx& ctx, const Arg* args, Value& out) {
  return with_entry<kSource>(ctx, args, 0, true, [&](const StickTable& t, Entry* e, Guard& guard, uint64_t now) {
    if (!e) return give_count(out, 0);
    guard.touch(*e, now, t.expire_ms);
    return t.has(Datum::conn_cnt) && give_count(out, ++t.number(*e, Datum::conn_cnt));
  });
}

using D = Datum;

template <class F, Who who>
constexpr FetchDef def(Str name, int8_t least, int8_t most, Str help, Str types, Type type = Type::integer) {
  return {name, least, most, type, kClientConn, F::template fetch<who>, nullptr, help, types};
}

// The ways to name a tracked entry: a counter that the first argument names, counters 0 to 2.
template <class F>
constexpr std::array<FetchDef, 4> tracked(Str named, Str first, Str second, Str third, Str help,
                                          Type type = Type::integer) {
  return {def<F, kNamed>(named, 1, 2, help, "iT", type), def<F, kFirst>(first, 0, 1, help, "T", type),
          def<F, kSecond>(second, 0, 1, help, "T", type), def<F, kThird>(third, 0, 1, help, "T", type)};
}

template <class F>
constexpr std::array<FetchDef, 1> source(Str name, Str help) {
  FetchDef d = def<F, kSource>(name, 0, 1, help, "T");
  d.check = check_home<0>;
  return {d};
}

// With the index of an array's element in front.
template <class F>
constexpr std::array<FetchDef, 2> indexed(Str named, Str by_source, Str help) {
  FetchDef s = def<F, kSource>(by_source, 1, 2, help, "iT");
  s.check = check_home<1>;
  return {def<F, kNamed>(named, 2, 3, help, "iiT"), s};
}

template <size_t... n>
constexpr auto join(const std::array<FetchDef, n>&... parts) {
  std::array<FetchDef, (n + ...)> all;
  size_t at = 0;
  auto add = [&](const auto& part) {
    for (const FetchDef& d : part) all[at++] = d;
  };
  (add(parts), ...);
  return all;
}

#define WEIR_TRACKED(F, name, help, ...) \
  tracked<F>("sc_" name, "sc0_" name, "sc1_" name, "sc2_" name, help __VA_OPT__(, ) __VA_ARGS__)
#define WEIR_BOTH(F, name, help) WEIR_TRACKED(F, name, help), source<F>("src_" name, help)
#define WEIR_INDEXED(F, name, help) indexed<F>("sc_" name, "src_" name, help)

using ClearFirst = Change<D::gpc0, D::gpc0_rate, false, true>;
using ClearSecond = Change<D::gpc1, D::gpc1_rate, false, true>;
using ClearAny = Change<D::gpc, D::gpc_rate, true, true>;
using RaiseFirst = Change<D::gpc0, D::gpc0_rate, false, false>;
using RaiseSecond = Change<D::gpc1, D::gpc1_rate, false, false>;
using RaiseAny = Change<D::gpc, D::gpc_rate, true, false>;
using AnyCounter = Read<D::gpc, true>;
using AnyRate = Read<D::gpc_rate, true>;
using AnyTag = Read<D::gpt, true>;
using KilobytesIn = Read<D::bytes_in_cnt, false, 10>;
using KilobytesOut = Read<D::bytes_out_cnt, false, 10>;

constexpr auto kTable = join(
    WEIR_BOTH(Read<D::bytes_in_rate>, "bytes_in_rate", "bytes from the client per period"),
    WEIR_BOTH(Read<D::bytes_out_rate>, "bytes_out_rate", "bytes to the client per period"),
    WEIR_INDEXED(ClearAny, "clr_gpc", "clear a general purpose counter and return it"),
    WEIR_BOTH(ClearFirst, "clr_gpc0", "clear the first general purpose counter and return it"),
    WEIR_BOTH(ClearSecond, "clr_gpc1", "clear the second general purpose counter and return it"),
    WEIR_BOTH(Read<D::conn_cnt>, "conn_cnt", "connections so far"),
    WEIR_BOTH(Read<D::conn_cur>, "conn_cur", "concurrent connections"),
    WEIR_BOTH(Read<D::conn_rate>, "conn_rate", "connections per period"),
    WEIR_INDEXED(AnyCounter, "get_gpc", "a general purpose counter"),
    WEIR_BOTH(Read<D::gpc0>, "get_gpc0", "the first general purpose counter"),
    WEIR_BOTH(Read<D::gpc1>, "get_gpc1", "the second general purpose counter"),
    WEIR_INDEXED(AnyTag, "get_gpt", "a general purpose tag"),
    WEIR_BOTH(Read<D::gpt0>, "get_gpt0", "the first general purpose tag"),
    WEIR_BOTH(Read<D::glitch_cnt>, "glitch_cnt", "protocol glitches so far"),
    WEIR_BOTH(Read<D::glitch_rate>, "glitch_rate", "protocol glitches per period"),
    WEIR_BOTH(Read<D::gpc0_rate>, "gpc0_rate", "growth of the first general purpose counter per period"),
    WEIR_BOTH(Read<D::gpc1_rate>, "gpc1_rate", "growth of the second general purpose counter per period"),
    WEIR_INDEXED(AnyRate, "gpc_rate", "growth of a general purpose counter per period"),
    WEIR_BOTH(Read<D::http_err_cnt>, "http_err_cnt", "HTTP errors so far"),
    WEIR_BOTH(Read<D::http_err_rate>, "http_err_rate", "HTTP errors per period"),
    WEIR_BOTH(Read<D::http_fail_cnt>, "http_fail_cnt", "HTTP failures so far"),
    WEIR_BOTH(Read<D::http_fail_rate>, "http_fail_rate", "HTTP failures per period"),
    WEIR_BOTH(Read<D::http_req_cnt>, "http_req_cnt", "HTTP requests so far"),
    WEIR_BOTH(Read<D::http_req_rate>, "http_req_rate", "HTTP requests per period"),
    WEIR_INDEXED(RaiseAny, "inc_gpc", "increment a general purpose counter and return it"),
    WEIR_BOTH(RaiseFirst, "inc_gpc0", "increment the first general purpose counter and return it"),
    WEIR_BOTH(RaiseSecond, "inc_gpc1", "increment the second general purpose counter and return it"),
    WEIR_BOTH(KilobytesIn, "kbytes_in", "kilobytes from the client so far"),
    WEIR_BOTH(KilobytesOut, "kbytes_out", "kilobytes to the client so far"),
    WEIR_TRACKED(KeyOf, "key", "the key of the tracked entry", Type::any),
    WEIR_BOTH(Read<D::sess_cnt>, "sess_cnt", "sessions so far"),
    WEIR_BOTH(Read<D::sess_rate>, "sess_rate", "sessions per period"),
    WEIR_TRACKED(IsTracked, "tracked", "whether an entry is tracked", Type::boolean),
    WEIR_TRACKED(TrackersOf, "trackers", "streams that track the entry"),
    std::array<FetchDef, 1>{{{"src_updt_conn_cnt", 0, 1, Type::integer, kClientConn, count_connection, check_home<0>,
                              "count this connection of the client and return its connections so far", "T"}}});

}  // namespace

FetchTable track_fetches() {
  return kTable;
}

}  // namespace weir::expr
