// Reading and writing syslog messages, and finding them in a stream.
#include <criterion/criterion.h>

#include "haproxy/log_receiver.h"
#include "haproxy/syslog_message.h"

using namespace weir;
using namespace weir::haproxy;

namespace {

std::string written(Str bytes, SyslogFormat format, uint8_t facility = 1) {
  SyslogMessage m = parse_syslog(bytes);
  std::string out;
  append_syslog_header(out, m, format, facility);
  return out.append(m.text);
}

}  // namespace

Test(syslog, reads_both_formats) {
  SyslogMessage old = parse_syslog("<13>Oct  1 22:14:15 box app[42]: said so");
  cr_assert(old.known && !old.iso_time);
  cr_assert_eq(old.facility, 1);
  cr_assert_eq(old.level, 5);
  cr_assert_eq(old.host, "box");
  cr_assert_eq(old.tag, "app");
  cr_assert_eq(old.pid, "42");
  cr_assert_eq(old.text, "said so");
  SyslogMessage now = parse_syslog("<13>1 2003-10-11T22:14:15.003Z box app - - [x@1 a=\"\\]\\]\"][y] said [so]");
  cr_assert(now.known && now.iso_time);
  cr_assert(now.pid.empty() && now.id.empty());
  cr_assert_eq(now.text, "said [so]");
}

Test(syslog, keeps_what_it_cannot_read) {
  for (Str bytes : {Str("<13>1 yesterday box app - - - x"), Str("<13>Oct  1 22:14:15"),
                    Str("<13>Foo  1 22:14:15 box x"), Str("<13>1 - box app - - [open x"), Str("<13>")}) {
    SyslogMessage m = parse_syslog(bytes);
    cr_assert(!m.known, "%.*s", static_cast<int>(bytes.size()), bytes.data());
    cr_assert_eq(m.facility, 1);
    cr_assert_eq(m.text, bytes.substr(4));
    cr_assert(m.host.empty() && m.tag.empty());
  }
  for (Str bytes : {Str("<192>x"), Str("<>x"), Str("<1x>x"), Str("<0013>x"), Str("x"), Str("")}) {
    cr_assert_eq(parse_syslog(bytes).facility, -1);
    cr_assert_eq(parse_syslog(bytes).text, bytes);
  }
}

Test(syslog, writes_a_header_anew) {
  constexpr Str kOld = "<13>Oct  1 22:14:15 box app[42]: x";
  constexpr Str kNew = "<13>1 2003-02-01T22:14:15+02:00 box app 42 id [x] x";
  cr_assert_eq(written(kOld, SyslogFormat::unspecified), kOld);
  cr_assert_eq(written(kNew, SyslogFormat::unspecified), kNew);
  cr_assert_eq(written(kNew, SyslogFormat::rfc3164), "<13>Feb  1 22:14:15 box app[42]: x");
  cr_assert_eq(written("<13>1 - - - - - - x", SyslogFormat::rfc5424), "<13>1 - - - - - - x");
  cr_assert_eq(written("x", SyslogFormat::priority, 23), "<190>x");
  cr_assert_eq(written("<13>x", SyslogFormat::priority, 23), "<13>x");
}

Test(syslog, finds_messages_in_a_stream) {
  Str message;
  size_t used = 0;
  cr_assert(next_message("5 <13>xrest", false, 100, message, used) == Framed::message);
  cr_assert_eq(message, "<13>x");
  cr_assert_eq(used, 7);
  cr_assert(next_message("<13>x\r\nrest", false, 100, message, used) == Framed::message);
  cr_assert_eq(message, "<13>x");
  for (Str more : {Str(""), Str("5"), Str("5 <13>"), Str("<13>x")})
    cr_assert(next_message(more, false, 100, message, used) == Framed::more);
  for (Str bad : {Str("0 x"), Str("GET /"), Str("101 x"), Str("1234567890"), Str("5x <13>x")})
    cr_assert(next_message(bad, false, 100, message, used) == Framed::bad, "%s", std::string(bad).c_str());
  cr_assert(next_message("GET /\n", true, 100, message, used) == Framed::message);
}
