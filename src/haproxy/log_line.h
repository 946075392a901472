#pragma once
// What sections besides the proxies read of `log` lines.
#include "haproxy/scope.h"

namespace weir::haproxy {

// A format's name; reports an unknown one.
bool read_syslog_format(Scope& scope, const Word& word, SyslogFormat& out);

}  // namespace weir::haproxy
