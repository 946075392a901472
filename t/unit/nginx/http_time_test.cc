// nginx/http_time.h: the three forms of dates, and what is none.
#include <criterion/criterion.h>

#include "nginx/http_time.h"

using namespace weir;
using nginx::http_time;
using nginx::parse_http_time;

namespace {

constexpr int64_t kWhen = 784111777;

int64_t parsed(Str text) {
  int64_t seconds = -1;
  return parse_http_time(text, seconds) ? seconds : -1;
}

}  // namespace

Test(nginx_http_time, writes_imf_dates) {
  Arena arena;
  cr_assert(http_time(arena, kWhen) == "Sun, 06 Nov 1994 08:49:37 GMT");
  cr_assert(http_time(arena, 0) == "Thu, 01 Jan 1970 00:00:00 GMT");
}

Test(nginx_http_time, reads_three_forms) {
  cr_expect(parsed("Sun, 06 Nov 1994 08:49:37 GMT") == kWhen);
  cr_expect(parsed("Sunday, 06-Nov-94 08:49:37 GMT") == kWhen);
  cr_expect(parsed("Sun Nov  6 08:49:37 1994") == kWhen);
}

Test(nginx_http_time, two_digit_years_turn_at_seventy) {
  cr_expect(parsed("Thursday, 01-Jan-70 00:00:00 GMT") == 0);
  cr_expect(parsed("Wednesday, 01-Jan-69 00:00:00 GMT") > kWhen);
}

Test(nginx_http_time, refuses_what_is_no_date) {
  for (Str text : {"", "garbage", "Sun, 06 Nov 1994", "Sun, 32 Nov 1994 08:49:37 GMT", "Sun, 30 Feb 1994 08:49:37 GMT",
                   "Sun, 06 Nvo 1994 08:49:37 GMT", "Sun, 06 Nov 1994 25:49:37 GMT", "Sun, 06 Nov 1894 08:49:37 GMT",
                   "06 Nov 1994 08:49:37 GMT"})
    cr_expect(parsed(text) == -1, "%.*s", static_cast<int>(text.size()), text.data());
}
