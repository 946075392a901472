// See nginx/client_error.h.
#include "nginx/client_error.h"

#include <errno.h>

#include "nginx/error_log.h"

namespace weir::nginx {
namespace {

constexpr Str kLine = "reading client request line";
constexpr Str kHeaders = "reading client request headers";
constexpr Str kBody = "reading client request body";

struct Words {
  Str reason;  // as the parser says it
  Str text;
  Str action;
};
constexpr Words kWords[] = {
    {"invalid method", "client sent invalid method", kLine},
    {"invalid HTTP version", "client sent invalid version", kLine},
    {"unsupported HTTP version", "client sent invalid version", kLine},
    {"request line too long", "client sent too long URI", kLine},
    {"request line is too long", "client sent too long URI", kLine},
    {"invalid authority in request target", "client sent invalid host in request line", kLine},
    {"no Host header", "client sent HTTP/1.1 request without \"Host\" header", kHeaders},
    {"invalid Host header", "client sent invalid host header", kHeaders},
    {"empty Host header", "client sent invalid host header", kHeaders},
    {"more than one Host header", "client sent duplicate header line: \"Host\"", kHeaders},
    {"more than one Content-Length header", "client sent duplicate header line: \"Content-Length\"", kHeaders},
    {"more than one Transfer-Encoding header", "client sent duplicate header line: \"Transfer-Encoding\"", kHeaders},
    {"invalid Content-Length header", "client sent invalid \"Content-Length\" header", kHeaders},
    {"Content-Length together with Transfer-Encoding",
     "client sent \"Content-Length\" and \"Transfer-Encoding\" headers at the same time", kHeaders},
    {"unknown Transfer-Encoding", "client sent unknown \"Transfer-Encoding\"", kHeaders},
    {"Transfer-Encoding in HTTP/1.0", "client sent HTTP/1.0 request with \"Transfer-Encoding\" header", kHeaders},
    {"header line too long", "client sent too long header line", kHeaders},
    {"head too large", "client sent too large request", kHeaders},
    {"request head is too large", "client sent too large request", kHeaders},
    {"too many header lines", "client sent too many header lines", kHeaders},
};

bool about_target(Str reason) {
  return reason.find("target") != Str::npos || reason.starts_with("CONNECT") || reason.ends_with("HTTP version");
}

}  // namespace

Str target_that_came(const http::Message& request) {
  Str line = request.raw_head;
  if (!line.ends_with('\n')) return {};
  cut(line, ' ');
  Str target = cut(line, ' ');
  return target.starts_with("/") ? target : Str{};
}

bool left_in_head(const proxy::Transaction& txn, const Error& why) {
  return txn.rejected && (why.fault == Fault::closed || why.fault == Fault::reset || why.fault == Fault::timeout);
}

void log_left_in_head(const proxy::Transaction& txn, const Error& why) {
  const bool reset = why.fault == Fault::reset;
  const int sys = reset ? ECONNRESET : why.fault == Fault::timeout ? ETIMEDOUT : 0;
  log_error(&txn, LogLevel::info, sys, reset ? Str("recv() failed") : why.text,
            txn.request.raw_head.ends_with('\n') ? kHeaders : kLine);
}

void log_client_error(proxy::Transaction& txn, const Error& why) {
  if (!txn.rejected) {
    Str text = txn.arena.cat("client sent invalid chunked body: ", why.text);
    return log_error(&txn, LogLevel::info, 0, text, kBody);
  }
  for (const Words& w : kWords)
    if (w.reason == why.text) return log_error(&txn, LogLevel::info, 0, w.text, w.action);
  bool line = about_target(why.text);
  Str text = txn.arena.cat(line ? "client sent invalid request: " : "client sent invalid header line: ", why.text);
  log_error(&txn, LogLevel::info, 0, text, line ? kLine : kHeaders);
}

}  // namespace weir::nginx
