// Converters between times and their texts.
#include <fmt/format.h>

#include <ctime>
#include <string>

#include "expr/tables.h"

namespace weir::expr {
namespace {

constexpr int64_t kSaneSeconds = 0x007fffffffffffffll;  // strftime's years overflow beyond

// `%N` with an optional width stands for nanoseconds; strftime does not know it. Returns the format with digits for it.
std::string with_fractions(Str format, int64_t ns) {
  std::string out;
  std::string digits = fmt::format("{:09}", ns);
  for (size_t i = 0; i < format.size(); i++) {
    if (format[i] != '%' || i + 1 == format.size()) {
      out += format[i];
      continue;
    }
    size_t end = i + 1;
    while (end < format.size() && is_digit(format[end])) end++;
    if (end == format.size() || format[end] != 'N') {
      out += format.substr(i, 2);
      i++;
      continue;
    }
    auto width = parse_u64(format.substr(i + 1, end - i - 1)).value_or(9);
    out += digits.substr(0, width);
    i = end;
  }
  return out;
}

bool format_time(const Ctx& ctx, const char* format, int64_t seconds, bool local, Value& v) {
  time_t t = seconds;
  tm parts{};
  if (!(local ? localtime_r(&t, &parts) : gmtime_r(&t, &parts))) return false;
  constexpr size_t kRoom = 1024;
  char* p = ctx.arena->alloc_chars(kRoom);
  size_t n = strftime(p, kRoom, format, &parts);
  ctx.arena->shrink(p, kRoom, n);
  v = Value::of(Str{p, n});
  return true;
}

template <bool local>
bool seconds_to_text(const Ctx& ctx, const Arg* args, Value& v) {
  return format_time(ctx, args[0].str.data(), (v.integer & kSaneSeconds) + args[1].number, local, v);
}
template <bool local, int64_t per_second>
bool fractions_to_text(const Ctx& ctx, const Arg* args, Value& v) {
  int64_t ns = v.integer % per_second * (1000000000 / per_second);
  std::string format = with_fractions(args[0].str, ns);
  return format_time(ctx, format.c_str(), v.integer / per_second + args[1].number, local, v);
}

int64_t units_per_second(Str unit) {
  return unit == "us" ? 1000000 : unit == "ms" ? 1000 : 1;
}
std::string check_unit(Arg* args, int, Arena&) {
  Str unit = args[1].str;
  if (unit.empty() || unit == "s" || unit == "ms" || unit == "us") return {};
  return fmt::format("invalid unit '{}': 's', 'ms' or 'us' is expected", unit);
}

bool to_http_date(const Ctx& ctx, const Arg* args, Value& v) {
  static constexpr Str kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr Str kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  int64_t per_second = units_per_second(args[1].str);
  int64_t n = v.integer + args[0].number;
  time_t t = n / per_second & kSaneSeconds;
  tm d{};
  if (!gmtime_r(&t, &d)) return false;
  char fraction[24] = "";
  if (per_second > 1) *fmt::format_to_n(fraction, sizeof fraction - 1, ".{}", n % per_second).out = 0;
  constexpr size_t kRoom = 96;
  char* p = ctx.arena->alloc_chars(kRoom);
  auto end = fmt::format_to_n(p, kRoom, "{}, {:02} {} {:04} {:02}:{:02}:{:02}{} GMT", kDays[d.tm_wday], d.tm_mday,
                              kMonths[d.tm_mon], 1900 + d.tm_year, d.tm_hour, d.tm_min, d.tm_sec, fraction);
  v = Value::of(Str{p, static_cast<size_t>(end.out - p)});
  return true;
}

// RFC 9110 5.6.7: the preferred form and the two obsolete ones.
bool from_http_date(const Ctx&, const Arg*, Value& v) {
  static constexpr const char* kForms[] = {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT",
                                           "%a %b %e %H:%M:%S %Y"};
  char text[64];
  if (v.str.size() >= sizeof text) return false;
  text[v.str.copy(text, v.str.size())] = 0;
  for (const char* form : kForms) {
    tm d{};
    const char* end = strptime(text, form, &d);
    if (!end || *end) continue;
    v = Value::of(int64_t{timegm(&d)});
    return true;
  }
  return false;
}

constexpr Type kInt = Type::integer;
constexpr Type kText = Type::string;
constexpr int64_t kMs = 1000;
constexpr int64_t kUs = 1000000;

// clang-format off
constexpr ConvertDef kTable[] = {
    {"date", 0, 0, kText, kInt, from_http_date, nullptr, "the time of an HTTP date in seconds since 1970"},
    {"http_date", 0, 2, kInt, kText, to_http_date, check_unit, "the time as an HTTP date, with an offset and a unit", "is"},
    {"ltime", 1, 2, kInt, kText, seconds_to_text<true>, nullptr, "seconds as local time by a strftime format", "si"},
    {"ms_ltime", 1, 2, kInt, kText, fractions_to_text<true, kMs>, nullptr, "milliseconds as local time; %N is the fraction", "si"},
    {"ms_utime", 1, 2, kInt, kText, fractions_to_text<false, kMs>, nullptr, "milliseconds as UTC; %N is the fraction", "si"},
    {"us_ltime", 1, 2, kInt, kText, fractions_to_text<true, kUs>, nullptr, "microseconds as local time; %N is the fraction", "si"},
    {"us_utime", 1, 2, kInt, kText, fractions_to_text<false, kUs>, nullptr, "microseconds as UTC; %N is the fraction", "si"},
    {"utime", 1, 2, kInt, kText, seconds_to_text<false>, nullptr, "seconds as UTC by a strftime format", "si"},
};
// clang-format on

}  // namespace

ConvertTable time_converters() {
  return kTable;
}

}  // namespace weir::expr
