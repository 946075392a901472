#pragma once
// Fetches and converters: the words of expressions. nginx variables and HAProxy samples are both fetches. Each declares
// where its data exists, so that using it too early is found at check time. Definitions are static tables; an
// expression that was compiled from them lives in the model's arena and is only read.
#include <cstdint>
#include <span>
#include <string>

#include "base/arena.h"
#include "expr/value.h"

namespace weir::proxy {
class Transaction;
}
namespace weir::net {
class Conn;
}

namespace weir::expr {

// Where a fetch finds its data (bits). A place where an expression is used provides some of them; a fetch that names
// several works where at least one of them is provided.
enum Where : uint16_t {
  kAnywhere = 0,
  kClientConn = 1 << 0,  // an accepted connection
  kRequestHead = 1 << 1,
  kRequestBody = 1 << 2,
  kServerConn = 1 << 3,  // a server was chosen
  kResponseHead = 1 << 4,
  kResponseBody = 1 << 5,
  kLog = 1 << 6,  // the exchange is over
  kRequestBytes = 1 << 7,  // the request's bytes before they are parsed
  kRequestKept = 1 << 8,  // what stays of the request head until the log: method, version, captures
  kBackend = 1 << 9,  // a pool was chosen
  kResponseBytes = 1 << 10,
  kResponseKept = 1 << 11,  // status and captures of the response
  kClientSession = 1 << 12,  // a client connection with its handshakes done
  kServerAddress = 1 << 13,  // the connection to the server
};
// "HTTP request headers, HTTP response": the names of the bits, for messages.
std::string where_names(uint16_t bits);

// The values of a fetch one after the other (all values of a header), for conditions. A fetch that has several sets
// `more` and keeps in `state` where it stands; zeroed before the first call.
struct Iteration {
  bool more = false;
  uintptr_t state[3] = {};
};

// What an evaluation may look at. `txn` is null for connection rules.
struct Ctx {
  proxy::Transaction* txn = nullptr;
  net::Conn* client = nullptr;
  Arena* arena = nullptr;  // results and temporaries; the transaction's
  bool response = false;  // evaluated in a response rule (`hdr` means the response's there)
  bool final = true;  // nothing more comes: what is missing now stays missing (false: content inspection)
  bool* may_change = nullptr;  // set by a fetch that would say something else with more data
  Iteration* iteration = nullptr;  // null: a fetch of several values gives the last one
};

// A definition's functions may look at max_args of them whatever was written.
struct Arg {
  Str str;
  int64_t number = 0;
  const void* object = nullptr;  // what the check function made of it (regex, map, variable slot)
  bool present = false;
};

// Fills `out`, or returns false when there is nothing ("not there", which differs from empty).
using FetchFn = bool (*)(const Ctx& ctx, const Arg* args, Value& out);
// Changes `v` in place, false when there is nothing any more.
using ConvertFn = bool (*)(const Ctx& ctx, const Arg* args, Value& v);
// Checks and prepares arguments at configuration time; on a problem returns its text (else empty).
using CheckFn = std::string (*)(Arg* args, int count, Arena& arena);

struct FetchDef {
  Str name;
  int8_t min_args = 0;
  int8_t max_args = 0;
  Type type = Type::string;  // of its result; what converters and matchers are checked against
  uint16_t needs = kAnywhere;
  FetchFn fetch = nullptr;
  CheckFn check = nullptr;
  Str help;
  Str types = {};  // one letter for each argument, see expr/args.h; missing ones are texts
};

struct ConvertDef {
  Str name;
  int8_t min_args = 0;
  int8_t max_args = 0;
  Type in = Type::string;  // the value is cast to this first
  Type out = Type::string;
  ConvertFn convert = nullptr;
  CheckFn check = nullptr;
  Str help;
  Str types = {};  // as in FetchDef
};

// A compiled expression: a fetch and converters behind it.
struct Expr {
  struct Call {
    ConvertFn convert;
    Type in;
    const Arg* args;
  };
  FetchFn fetch = nullptr;
  const Arg* args = nullptr;
  const Call* calls = nullptr;
  uint8_t call_count = 0;
  Type type = Type::string;  // of the final value
  uint16_t needs = kAnywhere;
  Str text;  // as written

  // False: absent.
  bool eval(const Ctx& ctx, Value& out) const;
};

}  // namespace weir::expr
