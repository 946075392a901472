// map: a variable whose value is looked up by a text (ngx_http_map_module): exact texts and host masks without regard to
// case, then regular expressions in order, then the default. Values may have variables and captures.
#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "expr/regex.h"
#include "nginx/define.h"
#include "nginx/host_table.h"
#include "nginx/locate.h"
#include "nginx/modules.h"
#include "nginx/request.h"
#include "proxy/transaction.h"

namespace weir::nginx {
namespace {

struct Map {
  const Script* source = nullptr;
  HostTable table;
  std::vector<std::pair<const expr::Regex*, const Script*>> regexes;
  const Script* fallback = nullptr;
  bool hostnames = false;
  bool is_volatile = false;
};

const Script* look_up(proxy::Transaction& txn, const Map& map, Str key) {
  if (!map.table.empty()) {
    char small[256];
    char* p = key.size() <= sizeof small ? small : txn.arena.alloc_chars(key.size());
    std::transform(key.begin(), key.end(), p, lower);
    if (const void* found = map.table.find({p, key.size()})) return static_cast<const Script*>(found);
  }
  if (!key.empty())
    for (const auto& [regex, value] : map.regexes)
      if (match(txn, *regex, key)) return value;
  return map.fallback;
}

bool fetch_map(const expr::Ctx& ctx, const expr::Arg* args, Value& out) {
  const Map& map = *static_cast<const Map*>(args[0].object);
  Str key = map.source->eval(*ctx.txn);
  if (map.hostnames && key.ends_with('.')) key.remove_suffix(1);
  const Script* value = look_up(*ctx.txn, map, key);
  out = Value::of(value ? value->eval(*ctx.txn) : Str{});
  return true;
}

void add_regex(Scope& scope, Map& map, const config::Where& where, Str pattern, const Script* value) {
  bool ignore_case = pattern.starts_with('*');
  if (ignore_case) pattern.remove_prefix(1);
  std::string error;
  auto options = ignore_case ? expr::Regex::kIcase : expr::Regex::kNone;
  const expr::Regex* regex = expr::Regex::compile(scope.arena, pattern, options, error);
  if (!regex) return refuse(scope, where, fmt::format("invalid regular expression \"{}\": {}", pattern, error));
  define_captures(scope, *regex);
  map.regexes.emplace_back(regex, value);
}

void add_line(Scope& scope, Map& map, const Directive& line) {
  Str key = line.name();
  if (line.args() == 0 && (key == "hostnames" || key == "volatile")) {
    (key == "hostnames" ? map.hostnames : map.is_volatile) = true;
    return;
  }
  if (line.args() != 1) return refuse(scope, line.where, "invalid number of the map parameters", "write: text value;");
  const Script* value =
      compile_script(scope.arena, scope.http->variables, line.arg(0).text, line.arg(0).where, scope.diag);
  if (key == "default") {
    if (map.fallback) return refuse(scope, line.where, "duplicate default map parameter", "keep one of them");
    map.fallback = value;
    return;
  }
  if (key.starts_with('~')) return add_regex(scope, map, line.where, key.substr(1), value);
  if (key.starts_with('\\')) key.remove_prefix(1);
  switch (map.table.add(key, value, map.hostnames)) {
    case HostTable::Added::invalid:
      return refuse(scope, line.where, fmt::format("invalid hostname or wildcard \"{}\"", key));
    case HostTable::Added::conflict:
      return refuse(scope, line.where, fmt::format("conflicting parameter \"{}\"", key), "keep one of them");
    default: return;
  }
}

void bind_map(void* s, const Directive& d, const Row&) {
  Scope& scope = *static_cast<Scope*>(s);
  auto* map = scope.arena.own<Map>();
  map->source = compile_script(scope.arena, scope.http->variables, d.arg(0).text, d.arg(0).where, scope.diag);
  for (const Directive& line : d.block) add_line(scope, *map, line);
  define_variable(scope, d.arg(1), fetch_map, map, !map->is_volatile);
}

constexpr Str kGrows = "the table grows by itself";

const Row kTable[] = {
    {"map", kHttp, 2, 2, Block::required, Inherit::none, bind_map, "string $variable { ... }",
     "a variable whose value depends on a text"},
    {"map_hash_max_size", kHttp, 1, 1, Block::none, Inherit::none, nullptr, "size", "size of the tables of map",
     kGrows},
    {"map_hash_bucket_size", kHttp, 1, 1, Block::none, Inherit::none, nullptr, "size", "size of the tables of map",
     kGrows},
};

}  // namespace

const Module kMapModule{"map", 0, nullptr, kTable};

}  // namespace weir::nginx
