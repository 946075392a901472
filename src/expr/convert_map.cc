// map(file[,default]) and its family: how keys are matched (_beg, _ip …) and what comes out (_int, _ip, _str, _key). A
// file is read once, whoever names it, and can be changed at run time through its PatternSource.
#include <fmt/format.h>

#include <string>

#include "expr/args.h"
#include "expr/pattern.h"
#include "expr/tables.h"

namespace weir::expr {
namespace {

enum class Gives : uint8_t { value, key };

// What an absent key gives.
bool use_default(const Arg* args, Value& v) {
  if (!args[1].present) return false;
  v = args[1].object ? *static_cast<const Value*>(args[1].object) : Value::of(args[1].str);
  return true;
}

template <Method method, Type type, Gives gives>
bool look_up([[maybe_unused]] const Ctx& ctx, const Arg* args, Value& v) {
  auto* list = static_cast<const PatternList*>(args[0].object);
  Match groups;
  const Pattern* p = list->find(v, &groups);
  if (!p) return use_default(args, v);
  if constexpr (gives == Gives::key) {
    v = Value::of(p->key);
  } else if constexpr (method == Method::regm) {
    thread_local std::string out;
    out.clear();
    expand_backrefs(p->value, groups, out);
    v = Value::of(ctx.arena->dup(out));
  } else {
    v = type == Type::string ? Value::of(p->value) : p->typed;
  }
  return true;
}

template <Method method, Type type, Gives gives>
std::string check(Arg* args, int, Arena& arena) {
  if (!parsing || !parsing->patterns) return "map: cannot load map at runtime";
  std::string error;
  PatternSource* source = parsing->patterns->file(args[0].str, true, error);
  if (!source) return error;
  const config::Where& where = parsing->where;
  source->used_by("map", where.source ? Str(where.source->path) : Str{}, where.line);
  PatternList* list = source->list(method, false, false, gives == Gives::key ? Type::string : type, error);
  if (!list) return error;
  args[0].object = list;
  if (!args[1].present || type == Type::string) return {};
  Value fallback = Value::of(args[1].str);
  Str rest = args[1].str;
  if (type == Type::integer) {
    fallback = Value::of(read_int(rest));
    if (!rest.empty() || args[1].str.empty()) return fmt::format("failed to parse '{}' as type 'integer'", args[1].str);
  } else if (!cast(fallback, Type::addr, arena)) {
    return fmt::format("map: cannot parse default ip <{}>.", args[1].str);
  }
  args[1].object = arena.make<Value>(fallback);
  return {};
}

template <Method method, Type type, Gives gives = Gives::value>
constexpr ConvertDef row(Str name, Str help) {
  Type in = method == Method::ip ? Type::addr : method == Method::integer ? Type::integer : Type::string;
  int8_t max_args = gives == Gives::key ? 1 : 2;
  return {name, 1, max_args, in, type, look_up<method, type, gives>, check<method, type, gives>, help};
}

constexpr Type kText = Type::string;
constexpr Type kInt = Type::integer;
constexpr Type kAddr = Type::addr;
using M = Method;

// clang-format off
constexpr ConvertDef kTable[] = {
    row<M::str, kText>("map", "the value of a key in a map file"),
    row<M::str, kText>("map_str", "the value of a key in a map file"),
    row<M::beg, kText>("map_beg", "the value of the longest key that the text begins with"),
    row<M::sub, kText>("map_sub", "the value of the first key that the text contains"),
    row<M::dir, kText>("map_dir", "the value of the first key that is a part of a path"),
    row<M::dom, kText>("map_dom", "the value of the first key that is a part of a domain name"),
    row<M::end, kText>("map_end", "the value of the longest key that the text ends with"),
    row<M::reg, kText>("map_reg", "the value of the first expression that matches"),
    row<M::regm, kText>("map_regm", "the same, with groups put into the value"),
    row<M::integer, kText>("map_int", "the value of the first range that has the number"),
    row<M::ip, kText>("map_ip", "the value of the smallest network with the address"),
    row<M::str, kInt>("map_str_int", "as map_str, the values are numbers"),
    row<M::beg, kInt>("map_beg_int", "as map_beg, the values are numbers"),
    row<M::sub, kInt>("map_sub_int", "as map_sub, the values are numbers"),
    row<M::dir, kInt>("map_dir_int", "as map_dir, the values are numbers"),
    row<M::dom, kInt>("map_dom_int", "as map_dom, the values are numbers"),
    row<M::end, kInt>("map_end_int", "as map_end, the values are numbers"),
    row<M::reg, kInt>("map_reg_int", "as map_reg, the values are numbers"),
    row<M::integer, kInt>("map_int_int", "as map_int, the values are numbers"),
    row<M::ip, kInt>("map_ip_int", "as map_ip, the values are numbers"),
    row<M::str, kAddr>("map_str_ip", "as map_str, the values are addresses"),
    row<M::beg, kAddr>("map_beg_ip", "as map_beg, the values are addresses"),
    row<M::sub, kAddr>("map_sub_ip", "as map_sub, the values are addresses"),
    row<M::dir, kAddr>("map_dir_ip", "as map_dir, the values are addresses"),
    row<M::dom, kAddr>("map_dom_ip", "as map_dom, the values are addresses"),
    row<M::end, kAddr>("map_end_ip", "as map_end, the values are addresses"),
    row<M::reg, kAddr>("map_reg_ip", "as map_reg, the values are addresses"),
    row<M::integer, kAddr>("map_int_ip", "as map_int, the values are addresses"),
    row<M::ip, kAddr>("map_ip_ip", "as map_ip, the values are addresses"),
    row<M::str, kText, Gives::key>("map_str_key", "the key itself when it is in the map"),
    row<M::beg, kText, Gives::key>("map_beg_key", "the key that map_beg would find"),
    row<M::sub, kText, Gives::key>("map_sub_key", "the key that map_sub would find"),
    row<M::dir, kText, Gives::key>("map_dir_key", "the key that map_dir would find"),
    row<M::dom, kText, Gives::key>("map_dom_key", "the key that map_dom would find"),
    row<M::end, kText, Gives::key>("map_end_key", "the key that map_end would find"),
    row<M::reg, kText, Gives::key>("map_reg_key", "the key that map_reg would find"),
    row<M::integer, kText, Gives::key>("map_int_key", "the key that map_int would find"),
    row<M::ip, kText, Gives::key>("map_ip_key", "the key that map_ip would find"),
};
// clang-format on

}  // namespace

ConvertTable map_converters() {
  return kTable;
}

}  // namespace weir::expr
