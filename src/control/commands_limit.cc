// Limits that operators change: connections of the process and of a frontend, and what may come in a second. What a limit
// stopped goes on at once where the new one lets it.
#include "control/command.h"
#include "proxy/shard.h"

namespace weir::control {
namespace {

// Takes the limit that a word says; false after refusing what is no number of an int's range. atoi(), which HAProxy uses, would
// take a slip of the finger for 0.
bool take_limit(Call& call, Str text, Str without, int64_t& n) {
  Str digits = text.starts_with('-') ? text.substr(1) : text;
  auto value = parse_u64(digits);
  if (!value) return call.refuse(std::string(without)), false;
  if (*value > INT32_MAX) return call.refuse("Value out of range.\n"), false;
  n = digits.size() < text.size() ? -static_cast<int64_t>(*value) : static_cast<int64_t>(*value);
  return true;
}

Outcome set_global(Call& call) {
  int64_t n = 0;
  if (!take_limit(call, call.word(3), "Expects an integer value.\n", n)) return Outcome::done;
  stats::Catalogue& catalogue = call.server.catalogue();
  if (n > 0 && static_cast<uint64_t>(n) > catalogue.hard_connection_limit())
    return call.refuse("Value out of range.\n");
  catalogue.limits->max_conns.store(static_cast<uint64_t>(std::max<int64_t>(n, 0)));
  catalogue.standing->keep(*catalogue.limits);
  call.server.limits_changed();
  return Outcome::done;
}

Outcome set_frontend(Call& call) {
  stats::ProxyEntry* p = call.front(call.word(3));
  if (!p) return Outcome::done;
  int64_t n = 0;
  if (!take_limit(call, call.word(4), "Integer value expected.\n", n)) return Outcome::done;
  if (n < 0) return call.refuse("Value out of range.\n");
  if (!p->limits) return call.refuse("This frontend cannot be limited.\n");
  p->limits->max_conns.store(n);
  p->standing->max_conns.store(n);
  call.server.limits_changed();
  return Outcome::done;
}

constexpr Str kRateUsage =
    "'set rate-limit' only supports :\n"
    "   - 'connections global' for new connections per second\n"
    "   - 'sessions global' for new sessions per second\n"
    "   - 'ssl-sessions global' for new TLS sessions per second\n"
    "   - 'http-compression global' for kilobytes per second given to compression\n";

stats::RateLimit* rate_limit(Call& call) {
  stats::Limits& limits = *call.server.catalogue().limits;
  Str what = call.word(2);
  if (call.word(3) != "global") return nullptr;
  if (what == "connections") return &limits.connections;
  if (what == "sessions") return &limits.sessions;
  if (what == "ssl-sessions") return &limits.tls_sessions;
  return what == "http-compression" ? &limits.compression : nullptr;
}

Outcome set_rate(Call& call) {
  stats::RateLimit* rate = rate_limit(call);
  if (!rate) return call.refuse(kRateUsage);
  int64_t n = 0;
  if (!take_limit(call, call.word(4), "Expects an integer value.\n", n)) return Outcome::done;
  if (n < 0) return call.refuse("Value out of range.\n");
  if (call.word(2) == "http-compression") n = std::min<int64_t>(n * 1024, UINT32_MAX);
  rate->limit.store(static_cast<uint32_t>(n));
  call.server.catalogue().standing->keep(*call.server.catalogue().limits);
  call.server.limits_changed();
  return Outcome::done;
}

constexpr Command kRows[] = {
    {{"set", "maxconn", "global"},
     Level::admin,
     "set maxconn global <value>",
     "limit of connections of the process; 0: as configured",
     set_global},
    {{"set", "maxconn", "frontend"},
     Level::admin,
     "set maxconn frontend <frontend> <value>",
     "limit of connections of a frontend",
     set_frontend},
    {{"set", "rate-limit"},
     Level::admin,
     "set rate-limit <setting> <value>",
     "limit of what comes in a second",
     set_rate},
};

}  // namespace

const Commands kLimitCommands = kRows;

}  // namespace weir::control
