// See nginx/limit_zone.h.
#include "nginx/limit_zone.h"

#include <fmt/format.h>
#include <string.h>

#include "nginx/define.h"
#include "nginx/zone_names.h"

namespace weir::nginx {

LimitZone* LimitZones::find(Str name) {
  for (LimitZone& z : list)
    if (z.name == name) return &z;
  return nullptr;
}

bool fetch_limit_result(uint8_t result, Value& out) {
  static constexpr Str kNames[] = {"", "PASSED", "DELAYED", "REJECTED", "DELAYED_DRY_RUN", "REJECTED_DRY_RUN"};
  if (result == 0) return false;
  out = Value::of(kNames[result]);
  return true;
}

LimitZone* bind_limit_zone(Scope& scope, const Directive& d, LimitZones& zones, uint64_t layout) {
  const config::Word* word = nullptr;
  for (size_t i = 1; i < d.args(); i++)
    if (d.arg(i).text.starts_with("zone=")) word = &d.arg(i);
  if (!word) {
    refuse(scope, d.where, fmt::format("\"{}\" must have \"zone\" parameter", d.name()), "zone=name:size");
    return nullptr;
  }
  Str rest = word->text.substr(5);
  size_t colon = rest.find(':');
  uint64_t size = 0;
  if (colon == 0 || colon == Str::npos || !parse_size(rest.substr(colon + 1), size)) {
    refuse(scope, word->where, fmt::format("invalid zone size \"{}\"", word->text),
           "zone=name:size, such as zone=one:1m");
    return nullptr;
  }
  if (size < 8 * 4096) {
    refuse(scope, word->where, fmt::format("zone \"{}\" is too small", word->text), "at least 32k");
    return nullptr;
  }
  Str name = rest.substr(0, colon);
  if (!claim_zone(scope, *word, name, d.name())) return nullptr;
  if (LimitZone* other = zones.find(name)) {
    refuse(scope, word->where,
           fmt::format("{} \"{}\" is already bound to key \"{}\"", d.name(), name, other->key->source));
    return nullptr;
  }
  LimitZone& z = zones.list.emplace_back();
  z.name = scope.arena.dup(name);
  z.key = compile_script(scope.arena, scope.http->variables, d.arg(0).text, d.arg(0).where, scope.diag);
  if (!scope.options.offline && !z.counters.open(fmt::format("{}:{}", d.name(), name), layout, size))
    refuse(scope, word->where, fmt::format("no memory for zone \"{}\": {}", name, strerror(errno)));
  return &z;
}

void bind_limit_level(Scope& scope, const Directive& d, LimitSettings& settings) {
  struct Name {
    Str name;
    LogLevel level;
  };
  static constexpr Name kNames[] = {
      {"info", LogLevel::info}, {"notice", LogLevel::notice}, {"warn", LogLevel::warn}, {"error", LogLevel::error}};
  for (const Name& n : kNames)
    if (d.arg(0).text == n.name) {
      settings.level = n.level;
      return;
    }
  bad_value(scope, d, 0, "info, notice, warn or error");
}

void bind_limit_status(Scope& scope, const Directive& d, LimitSettings& settings) {
  auto n = parse_u64(d.arg(0).text);
  if (!n || *n < 400 || *n > 599) return bad_value(scope, d, 0, "a status from 400 to 599");
  settings.status = static_cast<uint16_t>(*n);
}

}  // namespace weir::nginx
