#pragma once
// What converters and fetches of stick tables share (expr/convert_table.cc, expr/fetch_track.cc): the table that an argument names, and
// where a table keeps a datum.
#include "expr/args.h"
#include "expr/fetch.h"
#include "stats/rate.h"
#include "sticky/stick_table.h"

namespace weir::expr {

// Null: it has no memory yet, or names none.
inline const sticky::StickTable* table_of(const Arg& arg) {
  auto* r = static_cast<const Reference*>(arg.object);
  return r && r->table && r->table->table.is_open() ? r->table : nullptr;
}

inline bool give_count(Value& v, uint64_t n) {
  v = Value::of(static_cast<int64_t>(n));
  return true;
}

// Where a datum is in this table: arrays stand in for plain general purpose data. `array`: args[0] is the index. False: it is not
// stored.
bool find_store(const sticky::StickTable& t, sticky::Datum& d, const Arg* args, bool array, uint32_t& index);

// Counts one more, or clears; the new resp. the former value. `entry` may be null: 0.
bool change_counter(const sticky::StickTable& t, sticky::Table::Entry* entry, sticky::Table::Guard& guard,
                    sticky::Datum datum, sticky::Datum rate, bool clears, const Arg* args, bool array, uint64_t now_ms,
                    Value& out);

// A table that is not named is that of the proxy where the expression stands.
void name_home_table(Arg& arg, Arena& arena);
template <int at>
std::string check_home(Arg* args, int, Arena& arena) {
  name_home_table(args[at], arena);
  return {};
}

}  // namespace weir::expr
