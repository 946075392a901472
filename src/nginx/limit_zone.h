#pragma once
// What limit_req and limit_conn share: zones by name with a key, the level of their log lines, the status of refusals.
#include <deque>

#include "base/counter_zone.h"
#include "nginx/error_log.h"
#include "nginx/module.h"

namespace weir::nginx {

struct LimitZone {
  Str name;
  const Script* key = nullptr;
  uint64_t rate = 0;  // limit_req: thousandths of a request per second
  CounterZone counters;
};

// A module's zones; a limit may name a zone that is defined further down.
struct LimitZones {
  std::deque<LimitZone> list;
  LimitZone* find(Str name);
};

struct LimitSettings {
  Setting<LogLevel> level;
  Setting<uint16_t> status;
  Setting<bool> dry_run;
};

// limit_req_status and limit_conn_status, as their variables show them.
enum class LimitResult : uint8_t { none, passed, delayed, rejected, delayed_dry_run, rejected_dry_run };
bool fetch_limit_result(uint8_t result, Value& out);

// Reads a `KEY zone=NAME:SIZE` directive; words behind it are the caller's. Null after reporting.
LimitZone* bind_limit_zone(Scope& scope, const Directive& d, LimitZones& zones, uint64_t layout);
void bind_limit_level(Scope& scope, const Directive& d, LimitSettings& settings);
void bind_limit_status(Scope& scope, const Directive& d, LimitSettings& settings);

}  // namespace weir::nginx
