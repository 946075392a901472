#pragma once
// nginx's error log: error_log FILE|stderr|syslog: LEVEL, at every level of the configuration. Lines have nginx's form, with
// the request's context, and are written at once.
#include <cstdint>

#include "base/str.h"

namespace weir::proxy {
class Transaction;
}

namespace weir::nginx {

enum class LogLevel : uint8_t { emerg = 1, alert, crit, error, warn, notice, info, debug };

// Whether a line of that level would be written: asks before an expensive text is made.
bool error_logged(const proxy::Transaction* txn, LogLevel level);
// `sys`: an errno to show, or 0. `action`: what was being done ("connecting to upstream"), or empty. `txn` may be null: the
// process's own log. Cheap when the level is not logged.
void log_error(const proxy::Transaction* txn, LogLevel level, int sys, Str text, Str action = {});
// "error", "warn" …; false when it is none of them.
bool parse_log_level(Str name, LogLevel& out);

// The configuration that was just read is one to run, or not: then the process's log stays what it was.
void settle_error_log(bool good);
// Whether the configuration names the process's log.
bool error_log_named();

}  // namespace weir::nginx
