// limit_req: a leaky bucket for each key of a zone (ngx_http_limit_req_module). A request beyond the rate waits while the
// bucket has room (burst), and is refused when it has none.
#include <fmt/format.h>

#include "nginx/define.h"
#include "nginx/limit_zone.h"
#include "nginx/modules.h"
#include "nginx/request.h"
#include "proxy/delay.h"
#include "proxy/shard.h"
#include "proxy/transaction.h"

namespace weir::nginx {
namespace {

using Guard = CounterZone::Guard;
using Key = CounterZone::Key;
using proxy::Cursor;
using proxy::Next;
using proxy::Transaction;

constexpr uint64_t kLayout = 1;
constexpr int kMaxLimits = 16;

struct ReqLimit {
  Str name;
  config::Where where;
  LimitZone* zone = nullptr;
  int64_t burst = 0;  // thousandths of a request
  int64_t delay = 0;
};

struct LimitReqConf {
  ArenaList<ReqLimit> limits;
  LimitSettings settings;
};

enum class Verdict : uint8_t { ok, again, busy, full };

// The bucket as it is now, one more request in it.
int64_t excess_now(const CounterZone::Node& n, uint64_t rate, uint64_t now, int64_t& ms) {
  ms = static_cast<int64_t>(now - n.last_ms);
  if (ms < 0) ms = ms < -60000 ? 1 : 0;
  return std::max<int64_t>(0, n.excess - static_cast<int64_t>(rate) * ms / 1000 + 1000);
}

// `last`: the limit after which the request is counted at once; the others are held until all have agreed.
Verdict look_up(ReqLimit& limit, const Key& key, uint64_t now, bool last, int64_t& excess) {
  Guard guard(limit.zone->counters, key);
  CounterZone::Node* n = guard.find();
  int64_t ms = 0;
  if (!n) {
    excess = 0;
    n = guard.add();
    if (!n) return Verdict::full;
    n->last_ms = last ? now : 0;
    if (!last) n->holders.up();
    return last ? Verdict::ok : Verdict::again;
  }
  excess = excess_now(*n, limit.zone->rate, now, ms);
  if (excess > limit.burst) return Verdict::busy;
  if (!last) {
    n->holders.up();
    return Verdict::again;
  }
  n->excess = excess;
  if (ms) n->last_ms = now;
  return Verdict::ok;
}

struct Held {
  ReqLimit* limit;
  Key key;
};

void release(Held* held, int count) {
  for (int i = 0; i < count; i++) {
    Guard guard(held[i].limit->zone->counters, held[i].key);
    if (CounterZone::Node* n = guard.find(); n) n->holders.down();
  }
}

int64_t delay_for(const ReqLimit& limit, int64_t excess) {
  return excess <= limit.delay ? 0 : (excess - limit.delay) * 1000 / static_cast<int64_t>(limit.zone->rate);
}

// Counts the request where it was only held. The longest delay wins; `excess` and `by` say whose it is.
int64_t account(Held* held, int count, uint64_t now, int64_t longest, int64_t& excess, ReqLimit*& by) {
  for (int i = count - 1; i >= 0; i--) {
    int64_t e = 0;
    {
      Guard guard(held[i].limit->zone->counters, held[i].key);
      CounterZone::Node* n = guard.find();
      if (!n) continue;
      int64_t ms = 0;
      e = excess_now(*n, held[i].limit->zone->rate, now, ms);
      if (ms) n->last_ms = now;
      n->excess = e;
      n->holders.down();
    }
    int64_t delay = delay_for(*held[i].limit, e);
    if (delay <= longest) continue;
    longest = delay;
    excess = e;
    by = held[i].limit;
  }
  return longest;
}

std::string text_of(int64_t excess) {
  return fmt::format("{}.{:03}", excess / 1000, excess % 1000);
}

Next refuse_request(Transaction& txn, const LimitReqConf& conf, const ReqLimit& limit, Verdict verdict,
                    int64_t excess) {
  bool dry = conf.settings.dry_run.get(false);
  LogLevel level = conf.settings.level.get(LogLevel::error);
  if (verdict == Verdict::busy)
    log_error(&txn, level, 0,
              fmt::format("limiting requests{}, excess: {} by zone \"{}\"", dry ? ", dry run" : "", text_of(excess),
                          limit.zone->name));
  root_of(txn).limit_req_status = static_cast<uint8_t>(dry ? LimitResult::rejected_dry_run : LimitResult::rejected);
  return dry ? Next::next : finish_with(txn, conf.settings.status.get(503));
}

Next hold_back(Transaction& txn, Cursor& cursor, const LimitReqConf& conf, const ReqLimit& by, int64_t excess,
               int64_t delay) {
  bool dry = conf.settings.dry_run.get(false);
  LogLevel level = conf.settings.level.get(LogLevel::error);
  if (level != LogLevel::info) level = static_cast<LogLevel>(static_cast<uint8_t>(level) + 1);
  log_error(&txn, level, 0,
            fmt::format("delaying request{}, excess: {}, by zone \"{}\"", dry ? ", dry run" : "", text_of(excess),
                        by.zone->name));
  root_of(txn).limit_req_status = static_cast<uint8_t>(dry ? LimitResult::delayed_dry_run : LimitResult::delayed);
  if (dry) return Next::next;
  cursor.state = proxy::Delay::start(txn, cursor, static_cast<uint64_t>(delay));
  return Next::wait;
}

Next limit_requests(Transaction& txn, Cursor& cursor, const void* c) {
  auto& conf = *static_cast<LimitReqConf*>(const_cast<void*>(c));
  if (const auto* pause = static_cast<const proxy::Delay*>(cursor.state))
    return pause->over() ? Next::next : Next::wait;
  if (root_of(txn).limit_req_status) return Next::next;
  Held held[kMaxLimits];
  int count = 0;
  int64_t excess = 0;
  uint64_t now = txn.shard.loop.now();
  ReqLimit* by = nullptr;
  Verdict verdict = Verdict::again;
  bool any = false;
  for (uint32_t i = 0; i < conf.limits.size && verdict == Verdict::again; i++) {
    ReqLimit& limit = conf.limits[i];
    Str text = limit.zone->key->eval(txn);
    if (text.empty()) continue;
    if (text.size() > 65535) {
      log_error(
          &txn, LogLevel::error, 0,
          fmt::format("the value of the \"{}\" key is more than 65535 bytes: \"{}\"", limit.zone->key->source, text));
      continue;
    }
    Key key = limit.zone->counters.key(text);
    any = true;
    by = &limit;
    verdict = look_up(limit, key, now, i + 1 == conf.limits.size, excess);
    if (verdict == Verdict::again) held[count++] = {&limit, key};
  }
  if (!any) return Next::next;
  if (verdict == Verdict::busy || verdict == Verdict::full) {
    release(held, count);
    return refuse_request(txn, conf, *by, verdict, excess);
  }
  int64_t delay = verdict == Verdict::ok ? delay_for(*by, excess) : 0;
  delay = account(held, count, now, delay, excess, by);
  if (delay > 0) return hold_back(txn, cursor, conf, *by, excess, delay);
  root_of(txn).limit_req_status = static_cast<uint8_t>(LimitResult::passed);
  return Next::next;
}

// ---------------------------------------------------------------- binding

LimitZones& zones(Scope& scope) {
  return scope.main<LimitZones>(kLimitReqModule);
}

void bind_zone(void* s, const Directive& d, const Row&) {
  Scope& scope = *static_cast<Scope*>(s);
  LimitZone* zone = bind_limit_zone(scope, d, zones(scope), kLayout);
  if (!zone) return;
  zone->rate = 1000;
  for (size_t i = 1; i < d.args(); i++) {
    Str word = d.arg(i).text;
    if (word.starts_with("zone=") || word == "sync") continue;
    if (!word.starts_with("rate=")) {
      refuse(scope, d.arg(i).where, fmt::format("invalid parameter \"{}\"", word), "zone=name:size rate=number r/s");
      continue;
    }
    Str number = word.substr(5);
    uint64_t scale = number.ends_with("r/m") ? 60 : 1;
    if (number.ends_with("r/s") || number.ends_with("r/m")) number.remove_suffix(3);
    auto n = parse_u64(number);
    if (!n || *n == 0 || *n > UINT32_MAX) {
      refuse(scope, d.arg(i).where, fmt::format("invalid rate \"{}\"", word), "such as 10r/s or 30r/m");
      continue;
    }
    zone->rate = std::max<uint64_t>(1, *n * 1000 / scale);
  }
}

bool positive(Scope& scope, const config::Word& word, size_t skip, int64_t& out) {
  auto n = parse_u64(word.text.substr(skip));
  if (n && *n > 0 && *n < INT64_MAX / 1000) {
    out = static_cast<int64_t>(*n) * 1000;
    return true;
  }
  refuse(scope, word.where, fmt::format("invalid {} value \"{}\"", word.text.substr(0, skip - 1), word.text),
         "a number above 0");
  return false;
}

void bind_limit(void* s, const Directive& d, const Row&) {
  Scope& scope = *static_cast<Scope*>(s);
  auto& conf = *static_cast<LimitReqConf*>(scope.conf);
  ReqLimit limit;
  limit.where = d.where;
  for (size_t i = 0; i < d.args(); i++) {
    const config::Word& word = d.arg(i);
    bool good = true;
    if (word.text.starts_with("zone="))
      limit.name = scope.arena.dup(word.text.substr(5));
    else if (word.text.starts_with("burst="))
      good = positive(scope, word, 6, limit.burst);
    else if (word.text.starts_with("delay="))
      good = positive(scope, word, 6, limit.delay);
    else if (word == "nodelay")
      limit.delay = INT64_MAX;
    else
      return refuse(scope, word.where, fmt::format("invalid parameter \"{}\"", word.text),
                    "zone=name burst=number nodelay");
    if (!good) return;
  }
  if (limit.name.empty())
    return refuse(scope, d.where, fmt::format("\"{}\" must have \"zone\" parameter", d.name()), "zone=name");
  for (const ReqLimit& other : conf.limits)
    if (other.name == limit.name)
      return refuse(scope, d.where, "\"limit_req\" directive is duplicate", "keep one of them");
  if (conf.limits.size >= kMaxLimits) return refuse(scope, d.where, "too many limits at one level");
  conf.limits.push(scope.arena, limit);
}

void merge(Scope&, void* child, const void* parent) {
  auto& c = *static_cast<LimitReqConf*>(child);
  const auto& p = *static_cast<const LimitReqConf*>(parent);
  if (c.limits.empty()) c.limits = p.limits;
  merge_setting<Setting<LogLevel>>(&c.settings.level, &p.settings.level);
  merge_setting<Setting<uint16_t>>(&c.settings.status, &p.settings.status);
  merge_setting<Setting<bool>>(&c.settings.dry_run, &p.settings.dry_run);
}

void compile(Scope& scope, Location& l, void* c) {
  auto& conf = *static_cast<LimitReqConf*>(c);
  for (ReqLimit& limit : conf.limits) {
    limit.zone = zones(scope).find(limit.name);
    if (!limit.zone)
      return refuse(scope, limit.where, fmt::format("zero size shared memory zone \"{}\"", limit.name),
                    "define it with limit_req_zone");
  }
  if (!conf.limits.empty()) l.step(Phase::preaccess, limit_requests, c);
}

void bind_level(void* s, const Directive& d, const Row&) {
  auto& scope = *static_cast<Scope*>(s);
  bind_limit_level(scope, d, static_cast<LimitReqConf*>(scope.conf)->settings);
}
void bind_status(void* s, const Directive& d, const Row&) {
  auto& scope = *static_cast<Scope*>(s);
  bind_limit_status(scope, d, static_cast<LimitReqConf*>(scope.conf)->settings);
}

const Row kTable[] = {
    {"limit_req_zone", kHttp, 3, 4, Block::none, Inherit::none, bind_zone, "key zone=name:size rate=rate [sync]",
     "memory in which requests are counted by key, and their rate"},
    {"limit_req", kHttpServerLocation, 1, 3, Block::none, Inherit::array, bind_limit,
     "zone=name [burst=number] [nodelay | delay=number]", "limits the rate of requests"},
    {"limit_req_log_level",
     kHttpServerLocation,
     1,
     1,
     Block::none,
     Inherit::none,
     bind_level,
     "info | notice | warn | error",
     "severity of refusals; delays are one lower",
     {},
     0,
     nullptr,
     "error"},
    {"limit_req_status",
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
    {"limit_req_dry_run",
     kHttpServerLocation,
     1,
     1,
     Block::none,
     Inherit::none,
     set_flag,
     "on | off",
     "counts and logs without limiting",
     {},
     offsetof(LimitReqConf, settings.dry_run),
     nullptr,
     "off"},
};

bool fetch_status(const expr::Ctx& ctx, const expr::Arg*, Value& out) {
  return fetch_limit_result(root_of(*ctx.txn).limit_req_status, out);
}

const VariableDef kVariables[] = {{"limit_req_status", fetch_status, false}};

}  // namespace

const Module kLimitReqModule{"limit_req", sizeof(LimitReqConf), module_create<LimitReqConf>, kTable, merge, compile};
const std::span<const VariableDef> kLimitReqVariables{kVariables};

}  // namespace weir::nginx
