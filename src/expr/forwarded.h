#pragma once
// The Forwarded header (RFC 7239): its elements taken apart, and nodes written. Pure functions on bytes; spans point into the
// text that was given.
#include <string>

#include "expr/value.h"

namespace weir::expr {

// "192.0.2.1:80", "[2001:db8::1]", "unknown", "_hidden:_port".
struct ForwardedNode {
  enum class Name : uint8_t { none, address, unknown, hidden };
  Name kind = Name::none;
  Value address;
  Str name;  // as written
  Str port;  // as written; empty: none
  Str whole;
};

struct Forwarded {
  Str proto;
  Str host;
  ForwardedNode by;
  ForwardedNode from;  // `for`
};

// A whole node. Only a quoted one may have brackets and a port.
bool parse_forwarded_node(Str text, bool quoted, ForwardedNode& out);
// One element of the header. False: it is none, or has a parameter that the RFC does not know.
bool parse_forwarded(Str text, Forwarded& out);
// A host, and in quotes a port behind it.
bool is_forwarded_host(Str text, bool quoted);
// What may stand behind '_'.
bool is_hidden_name(Str text);
// A port: 1 to 65535.
bool is_port(Str text);

}  // namespace weir::expr
