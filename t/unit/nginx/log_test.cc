// nginx/log_format.h and nginx/error_log.h: escaping and level names.
#include <criterion/criterion.h>

#include <string>

#include "nginx/error_log.h"
#include "nginx/log_format.h"

using namespace weir;
using nginx::LogEscape;
using nginx::LogLevel;

namespace {

std::string escaped(Str text, LogEscape how) {
  std::string out;
  nginx::escape_for_log(text, how, out);
  return out;
}

}  // namespace

Test(nginx_log, plain_escapes_everything_that_is_not_printable) {
  cr_expect(escaped("a\"b\\c\x1b\x7f\xc3\xa4", LogEscape::plain) == R"(a\x22b\x5Cc\x1B\x7F\xC3\xA4)");
}

Test(nginx_log, json_escapes_for_strings) {
  cr_expect(escaped("a\"b\\c\n\r\t\b\f\x1b\xc3\xa4", LogEscape::json) == "a\\\"b\\\\c\\n\\r\\t\\b\\f\\u001B\xc3\xa4");
}

Test(nginx_log, none_leaves_it) {
  cr_expect(escaped("a\"\n\xff", LogEscape::none) == "a\"\n\xff");
}

Test(nginx_log, levels) {
  LogLevel level = LogLevel::emerg;
  cr_expect(nginx::parse_log_level("warn", level));
  cr_expect(level == LogLevel::warn);
  cr_expect(nginx::parse_log_level("debug", level));
  cr_expect(level == LogLevel::debug);
  cr_expect(!nginx::parse_log_level("", level));
  cr_expect(!nginx::parse_log_level("Warn", level));
}
