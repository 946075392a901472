#pragma once
// Errors of the data path are values: what went wrong, on whose side, whether the request may be tried again, and a
// sentence for the log. proxy/outcome.cc turns one into a status code, termination flags and the retry decision.
#include <cstdint>

#include "base/str.h"

namespace weir {

enum class Fault : uint8_t {
  none,
  refused,        // connect() said no
  unreachable,    // no route, network down, no such socket
  connect_timeout,
  reset,          // connection reset or broken pipe
  closed,         // closed in an orderly way where more was due
  timeout,        // silence for longer than allowed
  bad_message,    // it spoke, and what it said is not HTTP
  too_large,      // a head or body over its limit
  resource,       // no descriptor, port, memory or disk space here
  no_server,      // the pool has nobody who could take it
  queue_timeout,
  queue_full,     // more wait for a server than may
  tls,            // handshake or record failure
  relay,          // a proxy on the way to the server refused, or broke off
  cancelled,      // we ended it (shutdown, limit, the other side left)
  marked_down,    // its server went down, and its requests end with it
  marked_up,      // it was on a backup, and a server it stood in for is back
};

// Why a connection was closed before it could ask anything.
enum class Refusal : uint8_t {
  limit,      // there are too many
  resource,   // no memory here
  silent,     // the client said nothing
  preface,    // its PROXY header is bad or was cut off
  handshake,  // TLS failed
};

enum class Side : uint8_t { client, server, proxy };

enum class Retry : uint8_t {
  no,
  fresh,   // nothing of the request had been sent
  reused,  // an idle connection died before the first byte of the answer: safe to repeat for idempotent requests
};

struct Error {
  Fault fault = Fault::none;
  Side side = Side::proxy;
  Retry retry = Retry::no;
  uint16_t status = 0;  // when the fault itself decides the answer (400, 408, 413, 414, 431, 501 …)
  int sys = 0;          // errno, when a system call failed
  Str text;             // static or in the transaction's arena
  explicit operator bool() const { return fault != Fault::none; }
};

}  // namespace weir
