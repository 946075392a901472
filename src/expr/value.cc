// The cast table of values. One function per row and column that does something; what is missing in the table is no
// cast.
#include "expr/value.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include "net/addr.h"

namespace weir::expr {
namespace {

using CastFn = bool (*)(Value& v, Arena& arena);

bool keep(Value&, Arena&) {
  return true;
}

bool bool_to_int(Value& v, Arena&) {
  v = Value::of(int64_t{v.boolean});
  return true;
}
bool int_to_bool(Value& v, Arena&) {
  v = Value::of_bool(v.integer != 0);
  return true;
}

Str decimal(int64_t n, Arena& arena) {
  fmt::format_int text(n);
  return arena.dup({text.data(), text.size()});
}
bool bool_to_text(Value& v, Arena&) {
  v = Value::of(v.boolean ? Str("1") : Str("0"));
  return true;
}
bool int_to_text(Value& v, Arena& arena) {
  v = Value::of(decimal(v.integer, arena));
  return true;
}

// Eight bytes in network order, as HAProxy writes numbers as bytes.
Str big_endian(uint64_t n, Arena& arena) {
  char* p = arena.alloc_chars(8);
  for (int i = 0; i < 8; i++) p[i] = static_cast<char>(n >> (56 - 8 * i));
  return {p, 8};
}
bool bool_to_bytes(Value& v, Arena& arena) {
  v = Value::of_binary(big_endian(v.boolean, arena));
  return true;
}
bool int_to_bytes(Value& v, Arena& arena) {
  v = Value::of_binary(big_endian(static_cast<uint64_t>(v.integer), arena));
  return true;
}

in6_addr mapped(in_addr a) {
  in6_addr out{};
  out.s6_addr[10] = out.s6_addr[11] = 0xff;
  memcpy(&out.s6_addr[12], &a, 4);
  return out;
}
bool int_to_ipv4(Value& v, Arena&) {
  v = Value::of(in_addr{htonl(static_cast<uint32_t>(v.integer))});
  return true;
}
bool int_to_ipv6(Value& v, Arena&) {
  v = Value::of(mapped({htonl(static_cast<uint32_t>(v.integer))}));
  return true;
}
bool ipv4_to_int(Value& v, Arena&) {
  v = Value::of(int64_t{ntohl(v.v4.s_addr)});
  return true;
}
bool ipv4_to_ipv6(Value& v, Arena&) {
  v = Value::of(mapped(v.v4));
  return true;
}

// Mapped and compatible addresses (RFC 4291) and 6to4 (RFC 3056) have an IPv4 address in them.
bool ipv6_to_ipv4(Value& v, Arena&) {
  const uint8_t* b = v.v6.s6_addr;
  in_addr out;
  static constexpr uint8_t kZero[8] = {};
  bool low = memcmp(b, kZero, 8) == 0 && b[8] == 0 && b[9] == 0 && b[10] == b[11] && (b[10] == 0 || b[10] == 0xff);
  if (low)
    memcpy(&out, b + 12, 4);
  else if (b[0] == 0x20 && b[1] == 0x02)
    memcpy(&out, b + 2, 4);
  else
    return false;
  v = Value::of(out);
  return true;
}

bool ip_to_text(Value& v, Arena& arena) {
  char text[INET6_ADDRSTRLEN];
  const void* address = v.type == Type::ipv4 ? static_cast<const void*>(&v.v4) : &v.v6;
  inet_ntop(v.type == Type::ipv4 ? AF_INET : AF_INET6, address, text, sizeof text);
  v = Value::of(arena.dup(text));
  return true;
}
bool ip_to_bytes(Value& v, Arena& arena) {
  Str raw = v.type == Type::ipv4 ? Str{reinterpret_cast<const char*>(&v.v4), 4}
                                 : Str{reinterpret_cast<const char*>(&v.v6), 16};
  v = Value::of_binary(arena.dup(raw));
  return true;
}

bool text_to_int(Value& v, Arena&) {
  if (v.str.empty()) return false;
  Str s = v.str;
  v = Value::of(read_int(s));
  return true;
}
bool text_to_bool(Value& v, Arena& arena) {
  return text_to_int(v, arena) && int_to_bool(v, arena);
}
bool text_to_addr(Value& v, Arena&) {
  net::Addr a;
  if (v.str.find('[') != Str::npos || !net::parse_ip(v.str, a)) return false;
  v = a.family == AF_INET ? Value::of(a.v4) : Value::of(a.v6);
  return true;
}
bool text_to_ipv4(Value& v, Arena& arena) {
  Value a = v;
  if (!text_to_addr(a, arena) || a.type != Type::ipv4) return false;
  v = a;
  return true;
}
bool text_to_ipv6(Value& v, Arena& arena) {
  Value a = v;
  if (!text_to_addr(a, arena) || a.type != Type::ipv6) return false;
  v = a;
  return true;
}
bool to_method(Value& v, Arena&) {
  v = Value::of_method(v.str);
  return true;
}
bool as_text(Value& v, Arena&) {
  v = Value::of(v.str);
  return true;
}
bool as_bytes(Value& v, Arena&) {
  v = Value::of_binary(v.str);
  return true;
}
bool bytes_to_text(Value& v, Arena&) {
  v = Value::of(v.str.substr(0, v.str.find('\0')));
  return true;
}

constexpr int at(Type t) {
  return static_cast<int>(t);
}

struct CastTable {
  CastFn fn[kTypeCount][kTypeCount] = {};
};

// Columns `any` and `same` and the diagonal keep the value; rows `any` and `addr` only say what may be possible.
constexpr CastTable make_casts() {
  CastTable t;
  auto row = [&t](Type from) { return t.fn[at(from)]; };
  constexpr Type kReal[] = {Type::boolean, Type::integer, Type::ipv4,  Type::ipv6,
                            Type::string,  Type::binary,  Type::method};
  for (Type type : kReal) {
    row(type)[at(type)] = keep;
    row(type)[at(Type::any)] = row(type)[at(Type::same)] = keep;
    row(Type::any)[at(type)] = keep;
  }
  row(Type::any)[at(Type::any)] = row(Type::any)[at(Type::addr)] = row(Type::any)[at(Type::same)] = keep;
  for (Type type : {Type::addr, Type::ipv4, Type::ipv6, Type::string, Type::binary, Type::any, Type::same})
    row(Type::addr)[at(type)] = keep;

  row(Type::boolean)[at(Type::integer)] = bool_to_int;
  row(Type::boolean)[at(Type::string)] = bool_to_text;
  row(Type::boolean)[at(Type::binary)] = bool_to_bytes;
  row(Type::integer)[at(Type::boolean)] = int_to_bool;
  row(Type::integer)[at(Type::addr)] = row(Type::integer)[at(Type::ipv4)] = int_to_ipv4;
  row(Type::integer)[at(Type::ipv6)] = int_to_ipv6;
  row(Type::integer)[at(Type::string)] = int_to_text;
  row(Type::integer)[at(Type::binary)] = int_to_bytes;
  row(Type::ipv4)[at(Type::integer)] = ipv4_to_int;
  row(Type::ipv4)[at(Type::addr)] = row(Type::ipv6)[at(Type::addr)] = keep;
  row(Type::ipv4)[at(Type::ipv6)] = ipv4_to_ipv6;
  row(Type::ipv6)[at(Type::ipv4)] = ipv6_to_ipv4;
  for (Type ip : {Type::ipv4, Type::ipv6}) {
    row(ip)[at(Type::string)] = ip_to_text;
    row(ip)[at(Type::binary)] = ip_to_bytes;
  }
  row(Type::string)[at(Type::boolean)] = text_to_bool;
  row(Type::string)[at(Type::integer)] = text_to_int;
  row(Type::string)[at(Type::addr)] = text_to_addr;
  row(Type::string)[at(Type::ipv4)] = text_to_ipv4;
  row(Type::string)[at(Type::ipv6)] = text_to_ipv6;
  row(Type::string)[at(Type::binary)] = as_bytes;
  row(Type::string)[at(Type::method)] = row(Type::binary)[at(Type::method)] = to_method;
  row(Type::binary)[at(Type::string)] = bytes_to_text;
  row(Type::method)[at(Type::string)] = as_text;
  row(Type::method)[at(Type::binary)] = as_bytes;
  return t;
}
constexpr CastTable kCasts = make_casts();

}  // namespace

bool cast(Value& v, Type to, Arena& arena) {
  CastFn fn = kCasts.fn[at(v.type)][at(to)];
  return fn && fn(v, arena);
}

bool can_cast(Type from, Type to) {
  return kCasts.fn[at(from)][at(to)] != nullptr;
}

Str type_name(Type type) {
  static constexpr Str kNames[kTypeCount] = {"nothing", "boolean", "integer", "ipv4",    "ipv6", "string",
                                             "binary",  "method",  "any",     "address", "same"};
  return kNames[at(type)];
}

int64_t read_int(Str& s) {
  bool negative = false;
  if (!s.empty() && (s.front() == '-' || s.front() == '+')) {
    negative = s.front() == '-';
    s.remove_prefix(1);
  }
  const uint64_t limit = negative ? uint64_t{1} << 63 : INT64_MAX;
  uint64_t n = 0;
  while (!s.empty() && is_digit(s.front())) {
    uint64_t digit = static_cast<uint64_t>(s.front() - '0');
    if (__builtin_mul_overflow(n, uint64_t{10}, &n) || __builtin_add_overflow(n, digit, &n)) n = UINT64_MAX / 10;
    if (n > limit) {
      n = limit;
      while (!s.empty() && is_digit(s.front())) s.remove_prefix(1);
      break;
    }
    s.remove_prefix(1);
  }
  return static_cast<int64_t>(negative ? 0 - n : n);
}

Str to_text(const Value& v, Arena& arena) {
  Value copy = v;
  switch (v.type) {
    case Type::binary: {
      static constexpr char kDigits[] = "0123456789ABCDEF";
      char* p = arena.alloc_chars(v.str.size() * 2);
      for (size_t i = 0; i < v.str.size(); i++) {
        auto byte = static_cast<uint8_t>(v.str[i]);
        p[2 * i] = kDigits[byte >> 4];
        p[2 * i + 1] = kDigits[byte & 15];
      }
      return {p, v.str.size() * 2};
    }
    default: return cast(copy, Type::string, arena) ? copy.str : Str{};
  }
}

}  // namespace weir::expr
