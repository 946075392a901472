// See expr/forwarded.h.
#include "expr/forwarded.h"

#include <algorithm>

#include "net/addr.h"

namespace weir::expr {
namespace {

bool is_alnum(char c) {
  return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z');
}

bool in_hidden(char c) {
  return is_alnum(c) || c == '.' || c == '-' || c == '_';
}

bool take_address(Str text, Value& out) {
  net::Addr a;
  if (!net::parse_ip(text, a)) return false;
  out = a.family == AF_INET ? Value::of(a.v4) : Value::of(a.v6);
  return true;
}

bool split_brackets(Str text, Str& inside, Str& rest) {
  size_t close = text.find(']');
  if (!text.starts_with('[') || close == Str::npos) return false;
  inside = text.substr(1, close - 1);
  rest = text.substr(close + 1);
  return true;
}

// The value in front of the next ';', without its quotes.
bool take_value(Str& rest, Str& value, bool& quoted) {
  quoted = rest.starts_with('"');
  if (quoted) {
    size_t end = rest.find('"', 1);
    if (end == Str::npos) return false;
    value = rest.substr(1, end - 1);
    rest.remove_prefix(end + 1);
  } else {
    size_t end = std::min(rest.find(';'), rest.size());
    value = rest.substr(0, end);
    rest.remove_prefix(end);
  }
  if (rest.empty()) return true;
  if (rest[0] != ';') return false;
  rest.remove_prefix(1);
  return !rest.empty();
}

}  // namespace

bool is_hidden_name(Str text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), in_hidden);
}

bool is_port(Str text) {
  if (text.empty() || !std::all_of(text.begin(), text.end(), is_digit)) return false;
  auto n = parse_u64(text);
  return n && *n >= 1 && *n <= 65535;
}

bool parse_forwarded_node(Str text, bool quoted, ForwardedNode& out) {
  out.whole = text;
  Str rest;
  if (text.starts_with('[')) {
    Str inside;
    if (!quoted || !split_brackets(text, inside, rest) || !take_address(inside, out.address) ||
        out.address.type != Type::ipv6)
      return false;
    out.kind = ForwardedNode::Name::address;
    out.name = inside;
  } else {
    size_t colon = std::min(text.find(':'), text.size());
    out.name = text.substr(0, colon);
    rest = text.substr(colon);
    if (out.name == "unknown")
      out.kind = ForwardedNode::Name::unknown;
    else if (out.name.starts_with('_') && is_hidden_name(out.name.substr(1)))
      out.kind = ForwardedNode::Name::hidden;
    else if (take_address(out.name, out.address) && out.address.type == Type::ipv4)
      out.kind = ForwardedNode::Name::address;
    else
      return false;
  }
  if (rest.empty()) return true;
  if (!quoted || rest[0] != ':') return false;
  out.port = rest.substr(1);
  return out.port.starts_with('_') ? is_hidden_name(out.port.substr(1)) : is_port(out.port);
}

bool is_forwarded_host(Str text, bool quoted) {
  Str rest;
  if (text.starts_with('[')) {
    Str inside;
    Value ignored;
    if (!quoted || !split_brackets(text, inside, rest) || !take_address(inside, ignored)) return false;
  } else {
    size_t end = std::min(text.find(':'), text.size());
    rest = text.substr(end);
    if (!is_hidden_name(text.substr(0, end))) return false;  // the letters of names
  }
  if (rest.empty()) return true;
  return quoted && rest[0] == ':' && is_port(rest.substr(1));
}

bool parse_forwarded(Str rest, Forwarded& out) {
  if (rest.empty()) return false;
  while (!rest.empty()) {
    size_t equals = rest.find('=');
    if (equals == Str::npos) return false;
    Str name = rest.substr(0, equals), value;
    rest.remove_prefix(equals + 1);
    bool quoted = false;
    if (!take_value(rest, value, quoted)) return false;
    if (iequals(name, "for")) {
      if (out.from.kind != ForwardedNode::Name::none || !parse_forwarded_node(value, quoted, out.from)) return false;
    } else if (iequals(name, "by")) {
      if (out.by.kind != ForwardedNode::Name::none || !parse_forwarded_node(value, quoted, out.by)) return false;
    } else if (iequals(name, "host")) {
      if (out.host.data() || !is_forwarded_host(value, quoted)) return false;
      out.host = value;
    } else if (iequals(name, "proto")) {
      if (out.proto.data() || (value != "http" && value != "https")) return false;
      out.proto = value;
    } else {
      return false;
    }
  }
  return true;
}

}  // namespace weir::expr
