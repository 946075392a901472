// limit_conn: at most so many requests at a time for each key of a zone (ngx_http_limit_conn_module). A request counts from
// here to its end.
#include <fmt/format.h>

#include "nginx/define.h"
#include "nginx/limit_zone.h"
#include "nginx/modules.h"
#include "nginx/request.h"
#include "proxy/transaction.h"

namespace weir::nginx {
namespace {

using Guard = CounterZone::Guard;
using Key = CounterZone::Key;
using proxy::Next;
using proxy::Transaction;

constexpr uint64_t kLayout = 1;

struct ConnLimit {
  Str name;
  config::Where where;
  LimitZone* zone = nullptr;
  uint32_t most = 0;
};

struct LimitConnConf {
  ArenaList<ConnLimit> limits;
  LimitSettings settings;
};

// One held connection; given back when the transaction ends.
struct Hold : proxy::Waiter {
  LimitZone* zone = nullptr;
  Key key{};
};

void give_back(proxy::Waiter* w) {
  auto* hold = static_cast<Hold*>(w);
  Guard guard(hold->zone->counters, hold->key);
  CounterZone::Node* n = guard.find();
  if (!n || n->holders.total() == 0) return;
  n->holders.down();
  if (n->holders.total() == 0) guard.remove(n);
}

enum class Verdict : uint8_t { ok, full, busy };

Verdict take(const ConnLimit& limit, const Key& key) {
  Guard guard(limit.zone->counters, key);
  CounterZone::Node* n = guard.find();
  if (!n && !(n = guard.add())) return Verdict::full;
  if (n->holders.total() >= limit.most) return Verdict::busy;
  n->holders.up();
  return Verdict::ok;
}

Next refuse_request(Transaction& txn, const LimitConnConf& conf, const ConnLimit& limit, Verdict verdict, Hold* holds) {
  bool dry = conf.settings.dry_run.get(false);
  if (verdict == Verdict::busy)
    log_error(&txn, conf.settings.level.get(LogLevel::error), 0,
              fmt::format("limiting connections{} by zone \"{}\"", dry ? ", dry run," : "", limit.zone->name));
  for (; holds; holds = static_cast<Hold*>(holds->next)) give_back(holds);
  root_of(txn).limit_conn_status = static_cast<uint8_t>(dry ? LimitResult::rejected_dry_run : LimitResult::rejected);
  return dry ? Next::next : finish_with(txn, conf.settings.status.get(503));
}

Next limit_connections(Transaction& txn, proxy::Cursor&, const void* c) {
  const auto& conf = *static_cast<const LimitConnConf*>(c);
  if (root_of(txn).limit_conn_status) return Next::next;
  Hold* holds = nullptr;
  for (const ConnLimit& limit : conf.limits) {
    Str text = limit.zone->key->eval(txn);
    if (text.empty()) continue;
    if (text.size() > 255) {
      log_error(
          &txn, LogLevel::error, 0,
          fmt::format("the value of the \"{}\" key is more than 255 bytes: \"{}\"", limit.zone->key->source, text));
      continue;
    }
    Key key = limit.zone->counters.key(text);
    Verdict verdict = take(limit, key);
    if (verdict != Verdict::ok) return refuse_request(txn, conf, limit, verdict, holds);
    root_of(txn).limit_conn_status = static_cast<uint8_t>(LimitResult::passed);
    auto* hold = txn.arena.make<Hold>();
    hold->zone = limit.zone;
    hold->key = key;
    hold->cancel = give_back;
    hold->next = holds;
    holds = hold;
  }
  while (holds) {
    Hold* next = static_cast<Hold*>(holds->next);
    txn.own(holds);
    holds = next;
  }
  return Next::next;
}

LimitZones& zones(Scope& scope) {
  return scope.main<LimitZones>(kLimitConnModule);
}

void bind_zone(void* s, const Directive& d, const Row&) {
  Scope& scope = *static_cast<Scope*>(s);
  bind_limit_zone(scope, d, zones(scope), kLayout);
}

void bind_limit(void* s, const Directive& d, const Row&) {
  Scope& scope = *static_cast<Scope*>(s);
  auto& conf = *static_cast<LimitConnConf*>(scope.conf);
  auto n = parse_u64(d.arg(1).text);
  if (!n || *n == 0)
    return refuse(scope, d.arg(1).where, fmt::format("invalid number of connections \"{}\"", d.arg(1).text));
  if (*n > 65535) return refuse(scope, d.arg(1).where, "connection limit must be less 65536");
  for (const ConnLimit& other : conf.limits)
    if (other.name == d.arg(0).text)
      return refuse(scope, d.where, "\"limit_conn\" directive is duplicate", "keep one of them");
  conf.limits.push(scope.arena, {scope.arena.dup(d.arg(0).text), d.where, nullptr, static_cast<uint32_t>(*n)});
}

void merge(Scope&, void* child, const void* parent) {
  auto& c = *static_cast<LimitConnConf*>(child);
  const auto& p = *static_cast<const LimitConnConf*>(parent);
  if (c.limits.empty()) c.limits = p.limits;
  merge_setting<Setting<LogLevel>>(&c.settings.level, &p.settings.level);
  merge_setting<Setting<uint16_t>>(&c.settings.status, &p.settings.status);
  merge_setting<Setting<bool>>(&c.settings.dry_run, &p.settings.dry_run);
}

void compile(Scope& scope, Location& l, void* c) {
  auto& conf = *static_cast<LimitConnConf*>(c);
  for (ConnLimit& limit : conf.limits) {
    limit.zone = zones(scope).find(limit.name);
    if (!limit.zone)
      return refuse(scope, limit.where, fmt::format("zero size shared memory zone \"{}\"", limit.name),
                    "define it with limit_conn_zone");
  }
  if (!conf.limits.empty()) l.step(Phase::preaccess, limit_connections, c);
}

void bind_level(void* s, const Directive& d, const Row&) {
  auto& scope = *static_cast<Scope*>(s);
  bind_limit_level(scope, d, static_cast<LimitConnConf*>(scope.conf)->settings);
}
void bind_status(void* s, const Directive& d, const Row&) {
  auto& scope = *static_cast<Scope*>(s);
  bind_limit_status(scope, d, static_cast<LimitConnConf*>(scope.conf)->settings);
}

const Row kTable[] = {
    {"limit_conn_zone", kHttp, 2, 2, Block::none, Inherit::none, bind_zone, "key zone=name:size",
     "memory in which connections are counted by key"},
    {"limit_conn", kHttpServerLocation, 2, 2, Block::none, Inherit::array, bind_limit, "zone number",
     "limits the requests at a time"},
    {"limit_conn_log_level",
     kHttpServerLocation,
     1,
     1,
     Block::none,
     Inherit::none,
     bind_level,
     "info | notice | warn | error",
     "severity of refusals",
     {},
     0,
     nullptr,
     "error"},
    {"limit_conn_status",
     kHttpServerLocation,
     1,
     1,
     Block::none,
     Inherit::none,
     bind_status,
     "code",
     "status of refused requests",
     {},
     0,
     nullptr,
     "503"},
    {"limit_conn_dry_run",
     kHttpServerLocation,
     1,
     1,
     Block::none,
     Inherit::none,
     set_flag,
     "on | off",
     "counts and logs without limiting",
     {},
     offsetof(LimitConnConf, settings.dry_run),
     nullptr,
     "off"},
};

bool fetch_status(const expr::Ctx& ctx, const expr::Arg*, Value& out) {
  return fetch_limit_result(root_of(*ctx.txn).limit_conn_status, out);
}

const VariableDef kVariables[] = {{"limit_conn_status", fetch_status, false}};

}  // namespace

const Module kLimitConnModule{"limit_conn", sizeof(LimitConnConf), module_create<LimitConnConf>, kTable, merge,
                              compile};
const std::span<const VariableDef> kLimitConnVariables{kVariables};

}  // namespace weir::nginx
