#pragma once
// The `%tag`s of log formats (configuration.txt 8.2.6). Looked up when a format is compiled.
#include <string>

#include "haproxy/log_format.h"

namespace weir::haproxy {

struct LogTag {
  Str name;
  bool http;  // only with `mode http`
  LogFormat::Render render;  // null: `%o`, flags for what follows
  Str help;
  uint8_t waits = kWaitMore;  // FormatWait
};
const LogTag* find_log_tag(Str name);
// Now, as %t writes the accept date.
std::string log_date();

}  // namespace weir::haproxy
