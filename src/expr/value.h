#pragma once
// Values of the expression engine: what nginx variables and HAProxy samples both are. A value is typed or absent;
// absent differs from empty. Spans live in the transaction's arena, in the message, or in the model; a value that must
// outlive the current step is copied by its keeper.
#include <netinet/in.h>

#include <cstdint>

#include "base/arena.h"
#include "base/str.h"

namespace weir::expr {

enum class Type : uint8_t {
  absent,
  boolean,
  integer,  // signed 64 bit
  ipv4,
  ipv6,
  string,  // text; may hold any byte but is meant to be printed as it is
  binary,  // bytes; as a string it ends at its first NUL (HAProxy)
  method,  // an HTTP method; `str` is its token

  // Only what definitions declare, never the type of a value:
  any,  // whatever it is at run time (variables)
  addr,  // ipv4 or ipv6
  same,  // of a converter: the type that it was given
};
inline constexpr int kTypeCount = static_cast<int>(Type::same) + 1;

struct Value {
  Type type = Type::absent;
  uint8_t flags = 0;
  union {
    bool boolean;
    int64_t integer;
    in_addr v4;
    in6_addr v6;
    Str str;
  };

  Value() : str{} {}
  static Value of(Str s) { return Value(Type::string, s); }
  static Value of_binary(Str s) { return Value(Type::binary, s); }
  static Value of_method(Str s) { return Value(Type::method, s); }
  static Value of(int64_t n) {
    Value v;
    v.type = Type::integer;
    v.integer = n;
    return v;
  }
  static Value of_bool(bool b) {
    Value v;
    v.type = Type::boolean;
    v.boolean = b;
    return v;
  }
  static Value of(in_addr a) {
    Value v;
    v.type = Type::ipv4;
    v.v4 = a;
    return v;
  }
  static Value of(const in6_addr& a) {
    Value v;
    v.type = Type::ipv6;
    v.v6 = a;
    return v;
  }
  bool present() const { return type != Type::absent; }
  bool is_text() const { return type == Type::string || type == Type::binary || type == Type::method; }

 private:
  Value(Type t, Str s) : type(t), str(s) {}
};

// Casts in place, following HAProxy's cast table (configuration.txt 7.3: "the possible casts"); false when there is no
// such cast or the content does not fit (the empty text to integer, "abc" to an address). A text becomes the number
// that it starts with, 0 when it starts with none. `any` and `same` leave the value alone.
bool cast(Value& v, Type to, Arena& arena);

// Whether the table has a cast, for check time: with pseudo types, whether some value could be cast.
bool can_cast(Type from, Type to);

// "boolean", "integer", "ipv4" … as the manual writes them.
Str type_name(Type type);

// The number that `s` starts with: optional sign, decimal digits, clamped to 64 bits; 0 when there is none. `s` is left
// with what follows it.
int64_t read_int(Str& s);

// The value as text: integers in decimal, booleans "1"/"0", addresses in their usual notation, binary as hexadecimal.
// Absent gives an empty text.
Str to_text(const Value& v, Arena& arena);

}  // namespace weir::expr
