// Fetches that need no connection: constants, the process, the clock, variables.
#include <sys/random.h>
#include <unistd.h>

#include <fmt/format.h>

#include <cstdlib>
#include <ctime>
#include <string>

#include "base/clock.h"
#include "expr/encode.h"
#include "expr/fetch_helpers.h"
#include "expr/tables.h"
#include "expr/variables.h"
#include "proxy/shard.h"

namespace weir::expr {
namespace {

bool always_true(const Ctx&, const Arg*, Value& out) {
  return give_bool(out, true);
}
bool always_false(const Ctx&, const Arg*, Value& out) {
  return give_bool(out, false);
}

// Constants: the check function made the value.
bool constant(const Ctx&, const Arg* args, Value& out) {
  out = *static_cast<const Value*>(args[0].object);
  return true;
}
std::string keep(Arg& arg, Arena& arena, const Value& v) {
  arg.object = arena.make<Value>(v);
  return {};
}
std::string check_str(Arg* args, int, Arena& arena) {
  return keep(args[0], arena, Value::of(args[0].str));
}
std::string check_int(Arg* args, int, Arena& arena) {
  return keep(args[0], arena, Value::of(args[0].number));
}
std::string check_bool(Arg* args, int, Arena& arena) {
  Str s = args[0].str;
  bool yes = iequals(s, "true") || s == "1";
  if (!yes && !iequals(s, "false") && s != "0") return "a boolean is expected: true, false, 1 or 0";
  return keep(args[0], arena, Value::of_bool(yes));
}
std::string check_bin(Arg* args, int, Arena& arena) {
  Str bytes;
  if (!decode_hex(args[0].str, arena, bytes)) return "an even number of hexadecimal digits is expected";
  return keep(args[0], arena, Value::of_binary(bytes));
}
std::string check_meth(Arg* args, int, Arena& arena) {
  if (args[0].str.empty()) return "a method is expected";
  return keep(args[0], arena, Value::of_method(args[0].str));
}

bool environment(const Ctx&, const Arg* args, Value& out) {
  const char* value = getenv(args[0].str.data());
  return value && give(out, Str(value));
}

bool host_name(const Ctx&, const Arg*, Value& out) {
  static const std::string name = [] {
    char text[256] = "";
    gethostname(text, sizeof text - 1);
    return std::string(text);
  }();
  return give(out, name);
}

timespec wall_clock() {
  timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  return t;
}
std::string check_unit(Arg* args, int, Arena&) {
  Str unit = args[1].str;
  return unit.empty() || unit == "s" || unit == "ms" || unit == "us"
             ? std::string{}
             : fmt::format("invalid unit '{}': 's', 'ms' or 'us' is expected", unit);
}
bool date(const Ctx&, const Arg* args, Value& out) {
  timespec t = wall_clock();
  Str unit = args[1].str;
  int64_t n = t.tv_sec;
  if (unit == "ms") n = n * 1000 + t.tv_nsec / 1000000;
  if (unit == "us") n = n * 1000000 + t.tv_nsec / 1000;
  return give(out, n + args[0].number);
}
bool date_us(const Ctx&, const Arg*, Value& out) {
  return give(out, int64_t{wall_clock().tv_nsec / 1000});
}
bool uptime(const Ctx&, const Arg*, Value& out) {
  static const time_t start = time(nullptr);
  return give(out, int64_t{time(nullptr) - start});
}
// The clock starts with the process, not with the first question.
[[maybe_unused]] const bool kStarted = [] {
  Value unused;
  return uptime({}, nullptr, unused);
}();

// xoshiro256++, seeded from the kernel, one per thread.
uint64_t random64() {
  thread_local uint64_t s[4] = {};
  if (!(s[0] | s[1] | s[2] | s[3]) && getrandom(s, sizeof s, 0) != sizeof s)
    s[0] = static_cast<uint64_t>(time(nullptr)) | 1;
  auto rotate = [](uint64_t x, int k) { return x << k | x >> (64 - k); };
  uint64_t result = rotate(s[0] + s[3], 23) + s[0];
  uint64_t t = s[1] << 17;
  s[2] ^= s[0];
  s[3] ^= s[1];
  s[1] ^= s[2];
  s[0] ^= s[3];
  s[2] ^= t;
  s[3] = rotate(s[3], 45);
  return result;
}
bool random_number(const Ctx&, const Arg* args, Value& out) {
  uint64_t n = random64() >> 32;
  if (args[0].present) n = n * static_cast<uint64_t>(args[0].number) >> 32;
  return give(out, static_cast<int64_t>(n));
}

// RFC 9562: version 4 is random, version 7 starts with the time.
bool uuid(const Ctx& ctx, const Arg* args, Value& out) {
  uint64_t high = random64();
  uint64_t low = random64();
  uint64_t version = args[0].present ? static_cast<uint64_t>(args[0].number) : 4;
  if (version == 7) high = clock_ms(CLOCK_REALTIME) << 16 | (high & 0xffff);
  high = (high & ~uint64_t{0xf000}) | version << 12;
  low = (low & ~(uint64_t{3} << 62)) | uint64_t{2} << 62;
  char* p = ctx.arena->alloc_chars(36);
  fmt::format_to_n(p, 36, "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", high >> 32, high >> 16 & 0xffff, high & 0xffff,
                   low >> 48, low & 0xffffffffffff);
  return give(out, Str{p, 36});
}
std::string check_uuid(Arg* args, int, Arena&) {
  if (!args[0].present || args[0].number == 4 || args[0].number == 7) return {};
  return fmt::format("Unsupported UUID version: {}", args[0].number);
}

bool process_id(const Ctx&, const Arg*, Value& out) {
  return give(out, int64_t{getpid()});
}
bool one(const Ctx&, const Arg*, Value& out) {
  return give(out, int64_t{1});
}
bool thread_index(const Ctx& ctx, const Arg*, Value& out) {
  return give(out, int64_t{ctx.txn ? ctx.txn->shard.index : 0});
}
bool stopping(const Ctx& ctx, const Arg*, Value& out) {
  return give_bool(out, hooks.stopping ? hooks.stopping() : ctx.txn && ctx.txn->shard.draining());
}
bool active_connections(const Ctx& ctx, const Arg*, Value& out) {
  if (hooks.process_connections) return give(out, hooks.process_connections());
  return ctx.txn && give(out, static_cast<int64_t>(ctx.txn->shard.connections()));
}

bool wait_end(const Ctx& ctx, const Arg*, Value& out) {
  if (!ctx.final) return not_yet(ctx);
  return give_bool(out, true);
}

bool variable(const Ctx& ctx, const Arg* args, Value& out) {
  if (get_variable(ctx, *static_cast<const Variable*>(args[0].object), out)) return true;
  return args[1].present && give(out, args[1].str);
}

constexpr Type kInt = Type::integer;
constexpr Type kText = Type::string;
constexpr Type kBool = Type::boolean;
constexpr uint16_t kAny = kAnywhere;

// clang-format off
constexpr FetchDef kTable[] = {
    {"act_conn", 0, 0, kInt, kAny, active_connections, nullptr, "connections that are open"},
    {"always_false", 0, 0, kBool, kAny, always_false, nullptr, "false"},
    {"always_true", 0, 0, kBool, kAny, always_true, nullptr, "true"},
    {"bin", 1, 1, Type::binary, kAny, constant, check_bin, "bytes written in hexadecimal"},
    {"bool", 1, 1, kBool, kAny, constant, check_bool, "a boolean constant"},
    {"date", 0, 2, kInt, kAny, date, check_unit, "the time in seconds, ms or us since 1970, with an offset", "is"},
    {"date_us", 0, 0, kInt, kAny, date_us, nullptr, "the microseconds of the current second"},
    {"env", 1, 1, kText, kAny, environment, nullptr, "an environment variable"},
    {"hostname", 0, 0, kText, kAny, host_name, nullptr, "the name of this machine"},
    {"int", 1, 1, kInt, kAny, constant, check_int, "an integer constant", "i"},
    {"ipv4", 1, 1, Type::ipv4, kAny, constant, nullptr, "an IPv4 address", "4"},
    {"ipv6", 1, 1, Type::ipv6, kAny, constant, nullptr, "an IPv6 address", "6"},
    {"meth", 1, 1, Type::method, kAny, constant, check_meth, "an HTTP method"},
    {"nbproc", 0, 0, kInt, kAny, one, nullptr, "how many processes serve: 1"},
    {"pid", 0, 0, kInt, kAny, process_id, nullptr, "the process id"},
    {"proc", 0, 0, kInt, kAny, one, nullptr, "the number of this process: 1"},
    {"quic_enabled", 0, 0, kBool, kAny, always_false, nullptr, "whether QUIC is there"},
    {"rand", 0, 1, kInt, kAny, random_number, nullptr, "a random number below 2^32 or below the argument", "i"},
    {"stopping", 0, 0, kBool, kAny, stopping, nullptr, "whether the process is about to end"},
    {"str", 1, 1, kText, kAny, constant, check_str, "a text constant"},
    {"tgroup", 0, 0, kInt, kAny, one, nullptr, "the number of the thread group: 1"},
    {"thread", 0, 0, kInt, kAny, thread_index, nullptr, "the number of the thread, from 0"},
    {"uptime", 0, 0, kInt, kAny, uptime, nullptr, "seconds since the process started"},
    {"uuid", 0, 1, kText, kAny, uuid, check_uuid, "a new UUID of version 4 or 7", "i"},
    {"var", 1, 2, Type::any, kAny, variable, nullptr, "the value of a variable, or a default", "Vs"},
    {"wait_end", 0, 0, kBool, kAny, wait_end, nullptr, "true at the end of the inspection period"},
};
// clang-format on

}  // namespace

FetchTable internal_fetches() {
  return kTable;
}

}  // namespace weir::expr
