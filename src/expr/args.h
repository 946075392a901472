#pragma once
// Arguments of fetches and converters: letters of FetchDef::types, and what their values are checked and turned into at
// configuration time. Names of pools, servers and users cannot be known yet; they are collected as references.
//
//   s text          i integer (Arg::number)      t time (number: ms)     z size (number: bytes)
//   4 IPv4 address, 6 IPv6 address, m IPv4 mask or its length, M IPv6 mask or length (Arg::object: const Value*)
//   v integer or variable (object: const Variable*, or number)       V variable (object)
//   r regular expression text; the check function compiles it with its flags
//   b backend, f frontend, S [backend/]server, u user list, T stick table (object: const Reference*); without a backend it is
//   that of `home`, or the current one
#include <string>
#include <vector>

#include "config/source.h"
#include "expr/fetch.h"

namespace weir::sticky {
struct StickTable;
}

namespace weir::model {
struct Model;
struct Pool;
struct Server;
}  // namespace weir::model

namespace weir::expr {

// A name in an expression that is met by an object when the whole configuration is known. Until then, and for a name
// that is missing, the pointers are null and the fetch gives nothing.
struct Reference {
  char kind = 'b';
  Str name;  // of the pool, frontend or user list; empty: the current one
  Str server;
  Str home;  // the proxy where the expression stands, when no pool is named
  Str keyword;  // of the fetch, for messages
  config::Where where;
  const model::Pool* pool = nullptr;
  const model::Server* target = nullptr;
  const sticky::StickTable* table = nullptr;
};

// Collected while expressions are parsed; resolved once, before freeze.
struct References {
  std::vector<Reference*> list;
};

class PatternSources;

// What check functions may need to know beyond their arguments. One is in force per thread while an expression is
// parsed.
struct Parsing {
  Arena* arena = nullptr;
  References* references = nullptr;  // null: names of pools and the like are not allowed (the runtime socket)
  PatternSources* patterns = nullptr;  // null: maps are not allowed
  Str keyword;
  config::Where where;
  Str home;  // the proxy where the expression stands
};
extern thread_local const Parsing* parsing;

// Turns the text of an argument into what `letter` says. Returns a problem, or an empty text.
std::string check_argument(char letter, Arg& arg, const Parsing& parsing);
// "integer", "IPv4 address", "backend": for "missing arguments (got 0/1), type 'string' expected".
Str argument_type_name(char letter);

// Binds pools and servers of the model. Returns one sentence for each name that is missing; where it stands is in
// `missing`.
std::vector<std::string> resolve(const References& references, const model::Model& model,
                                 std::vector<const Reference*>& missing);

// HAProxy's times: a number with us, ms, s, m, h, d; without unit `unit_us` microseconds each. False with a reason.
bool parse_time_us(Str text, uint64_t unit_us, uint64_t& us, std::string& error);
// Sizes: a number with k, m, g (powers of 1024).
bool parse_size(Str text, uint64_t& bytes);

// The value of an argument of letter v: false when the variable is not there or is no number.
bool argument_number(const Ctx& ctx, const Arg& arg, int64_t& out);

}  // namespace weir::expr
