#pragma once
// When lines about traffic are written, and at which level (configuration.txt 8.2, 8.3): at the moment when all values of the
// format are there, at the steps that `log-steps` names, and where a rule says so. Where they go is haproxy/logging.h.
#include "haproxy/exchange.h"

namespace weir::haproxy {

struct Global;
struct LogProfile;

// What resolve works out about a frontend's lines: when they are written.
void plan_logs(Proxy& front);

// An exchange has begun.
void log_accepted(proxy::Transaction& txn);
void log_milestone(proxy::Transaction& txn, proxy::Milestone what);
// It is over. No request could be read: `txn.rejected`.
void log_end(proxy::Transaction& txn);
// `do-log`; `profile` null: that of each target.
void log_by_rule(proxy::Transaction& txn, LogStep step, const LogProfile* profile);
// A connection failed before it had an exchange. `usual`: the line without error-log-format.
void log_refused(const Global& global, const Proxy& front, net::Conn* conn, Str usual);

// Sends a line that is about no single exchange to the logs of a proxy.
void log_about(const Global& global, const Proxy& proxy, uint8_t level, Str line);
// Sends one to the logs of the global section.
void log_globally(const Global& global, Str line);

}  // namespace weir::haproxy
