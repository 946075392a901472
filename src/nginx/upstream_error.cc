// See nginx/upstream_error.h (ngx_http_upstream.c, ngx_http_upstream_round_robin.c).
#include "nginx/upstream_error.h"

#include <errno.h>

#include "nginx/error_log.h"
#include "nginx/personality.h"
#include "nginx/request.h"
#include "proxy/transaction.h"

namespace weir::nginx {
namespace {

using proxy::Transaction;

Str action_of(const Transaction& txn, const Error& why) {
  switch (why.fault) {
    case Fault::refused:
    case Fault::unreachable:
    case Fault::relay:
    case Fault::connect_timeout:
    case Fault::no_server:
    case Fault::resource: return "connecting to upstream";
    case Fault::tls: return "SSL handshaking to upstream";
    default: break;
  }
  if (why.text.ends_with("while sending request")) return "sending request to upstream";
  if (txn.tunnelling()) return "proxying upgraded connection";
  if (txn.response_started) return "reading upstream";
  return txn.request_sent() ? "reading response header from upstream" : "sending request to upstream";
}

void write(const Transaction& txn, LogLevel level, const Error& why, Str text) {
  bool timed_out = why.fault == Fault::timeout || why.fault == Fault::connect_timeout;
  log_error(&txn, level, timed_out ? ETIMEDOUT : why.sys, text, action_of(txn, why));
}

Str text_of(const Error& why) {
  return why.text.substr(0, why.text.find(" while "));
}

}  // namespace

void log_server_error(Transaction& txn, const Error& why) {
  Request& r = of(txn);
  if (r.told == why.fault) {
    r.told = Fault::none;
    return;
  }
  r.told = why.fault;
  write(txn, LogLevel::error, why, text_of(why));
}

void log_broken_response(const Transaction& txn, const Error& why) {
  // Silence ends a tunnel as a matter of course.
  bool silence = txn.tunnelling() && why.fault == Fault::timeout;
  write(txn, silence ? LogLevel::info : LogLevel::error, why, text_of(why));
}

void log_disabled(Transaction& txn, const Error& why) {
  if (txn.personality == &personality())
    write(txn, LogLevel::warn, Error{why.fault}, "upstream server temporarily disabled");
}

}  // namespace weir::nginx
