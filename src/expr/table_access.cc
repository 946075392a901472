// See expr/table_access.h.
#include "expr/table_access.h"

#include <utility>

namespace weir::expr {

using sticky::Datum;
using sticky::StickTable;

namespace {

Datum array_of(Datum d) {
  switch (d) {
    case Datum::gpc0:
    case Datum::gpc1: return Datum::gpc;
    case Datum::gpc0_rate:
    case Datum::gpc1_rate: return Datum::gpc_rate;
    case Datum::gpt0: return Datum::gpt;
    default: return d;
  }
}

uint32_t place_in_array(Datum d) {
  return d == Datum::gpc1 || d == Datum::gpc1_rate ? 1 : 0;
}

}  // namespace

bool find_store(const StickTable& t, Datum& d, const Arg* args, bool array, uint32_t& index) {
  index = 0;
  if (array) {
    if (args[0].number < 0 || args[0].number >= t.store(d).count) return false;
    index = static_cast<uint32_t>(args[0].number);
    return t.has(d);
  }
  if (t.has(d)) return true;
  Datum in = array_of(d);
  if (in == d || t.store(in).count <= place_in_array(d)) return false;
  index = place_in_array(d);
  d = in;
  return true;
}

bool change_counter(const StickTable& t, sticky::Table::Entry* entry, sticky::Table::Guard& guard, Datum datum,
                    Datum rate, bool clears, const Arg* args, bool array, uint64_t now_ms, Value& out) {
  uint32_t index = 0, rate_index = 0;
  const bool stored = find_store(t, datum, args, array, index), rated = find_store(t, rate, args, array, rate_index);
  if (!entry) return give_count(out, 0);
  guard.touch(*entry, now_ms, t.expire_ms);
  if (clears) return stored && give_count(out, std::exchange(t.number(*entry, datum, index), 0));
  if (rated) t.rate(*entry, rate, rate_index).add(now_ms, t.store(rate).period_ms);
  if (!stored) return rated && give_count(out, t.value(*entry, rate, rate_index, now_ms));
  uint64_t& n = t.number(*entry, datum, index);
  n = static_cast<uint32_t>(n + 1);
  return give_count(out, n);
}

void name_home_table(Arg& arg, Arena& arena) {
  if (arg.object || !parsing->references) return;
  auto* r = arena.make<Reference>();
  r->kind = 'T';
  r->keyword = parsing->keyword;
  r->where = parsing->where;
  r->name = parsing->home;
  parsing->references->list.push_back(r);
  arg.object = r;
}

}  // namespace weir::expr
