#pragma once
// Logging to a syslog server: access_log and error_log syslog:server=ADDRESS[,facility=…][,severity=…][,tag=…][,nohostname].
// Datagrams are sent without waiting; one that cannot go is lost.
#include <atomic>
#include <string>

#include "net/addr.h"
#include "nginx/module.h"

namespace weir::nginx {

struct Syslog {
  net::Addr addr;
  int facility = 23;  // local7
  int severity = 6;  // info
  Str tag = "nginx";
  bool with_host = true;
  mutable std::atomic<int> fd{-1};
};

// What stands behind "syslog:". Null after reporting a problem at `where`.
const Syslog* parse_syslog(Scope& scope, Str text, config::Where where);
// A copy that lives as long as `arena`.
const Syslog* copy_syslog(Arena& arena, const Syslog& from);
// `severity` below 0: the configured one.
void send_syslog(const Syslog& to, int severity, Str message);

}  // namespace weir::nginx
