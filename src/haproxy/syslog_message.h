#pragma once
// A syslog message that was received, taken apart (RFC 3164, RFC 5424), and one written anew. Pure functions on bytes.
#include <string>

#include "haproxy/logging.h"

namespace weir::haproxy {

struct SyslogMessage {
  int facility = -1;  // -1: it has no priority
  uint8_t level = 6;
  bool known = false;  // one of the two formats: the fields below are its own; else all but `text` are empty
  bool iso_time = false;
  Str time;  // "Jan  1 00:00:00", a time of RFC 3339, or "-"
  Str host;
  Str tag;
  Str pid;
  Str id;
  Str structured;
  Str text;
};

// The spans point into `bytes`. What has no priority, or another format behind it, is text.
SyslogMessage parse_syslog(Str bytes);
// Its header in that format, by what it says itself where it does. `unspecified`: the format that it came in. `now`: the
// time for messages without one.
void append_syslog_header(std::string& out, const SyslogMessage& m, SyslogFormat format, uint8_t facility);

}  // namespace weir::haproxy
