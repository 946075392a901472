// HTTP dates; see nginx/http_time.h.
#include "nginx/http_time.h"

#include <time.h>

namespace weir::nginx {
namespace {

constexpr Str kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

// A reading position; every function says whether it found what it wants.
struct Reader {
  Str rest;

  bool skip(char c) {
    if (rest.empty() || rest[0] != c) return false;
    rest.remove_prefix(1);
    return true;
  }
  void spaces() {
    while (skip(' ')) {
    }
  }
  bool number(size_t most, int& out) {
    size_t n = 0;
    out = 0;
    while (n < most && n < rest.size() && is_digit(rest[n])) out = out * 10 + (rest[n++] - '0');
    rest.remove_prefix(n);
    return n > 0;
  }
  bool month(int& out) {
    for (int m = 0; m < 12; m++)
      if (rest.starts_with(kMonths[m])) {
        out = m;
        rest.remove_prefix(3);
        return true;
      }
    return false;
  }
  bool clock(tm& t) {
    return number(2, t.tm_hour) && skip(':') && number(2, t.tm_min) && skip(':') && number(2, t.tm_sec);
  }
};

bool read_asctime(Reader r, tm& t) {
  if (!r.month(t.tm_mon)) return false;
  r.spaces();
  if (!r.number(2, t.tm_mday) || !r.skip(' ') || !r.clock(t) || !r.skip(' ')) return false;
  return r.number(4, t.tm_year);
}

bool read_dated(Reader r, tm& t) {
  if (!r.number(2, t.tm_mday)) return false;
  bool dashes = r.skip('-');
  if (!dashes && !r.skip(' ')) return false;
  if (!r.month(t.tm_mon) || !r.skip(dashes ? '-' : ' ')) return false;
  size_t before = r.rest.size();
  if (!r.number(4, t.tm_year)) return false;
  if (before - r.rest.size() == 2) t.tm_year += t.tm_year < 70 ? 2000 : 1900;
  return r.skip(' ') && r.clock(t);
}

}  // namespace

Str http_time(Arena& arena, int64_t seconds) {
  constexpr size_t kRoom = 40;
  char* text = arena.alloc_chars(kRoom);
  auto when = static_cast<time_t>(seconds);
  tm t;
  gmtime_r(&when, &t);
  size_t n = strftime(text, kRoom, "%a, %d %b %Y %H:%M:%S GMT", &t);
  arena.shrink(text, kRoom, n);
  return {text, n};
}

bool parse_http_time(Str text, int64_t& seconds) {
  tm t{};
  size_t comma = text.find(',');
  size_t space = text.find(' ');
  bool ok;
  if (comma != Str::npos) {
    Reader r{text.substr(comma + 1)};
    r.spaces();
    ok = read_dated(r, t);
  } else {
    ok = space != Str::npos && read_asctime(Reader{text.substr(space + 1)}, t);
  }
  bool sane = t.tm_hour < 24 && t.tm_min < 60 && t.tm_sec < 61 && t.tm_mday >= 1 && t.tm_mday <= 31;
  if (!ok || !sane || t.tm_year < 1970) return false;
  int year = t.tm_year, month = t.tm_mon, day = t.tm_mday;
  t.tm_year -= 1900;
  seconds = timegm(&t);
  return t.tm_year + 1900 == year && t.tm_mon == month && t.tm_mday == day;
}

}  // namespace weir::nginx
