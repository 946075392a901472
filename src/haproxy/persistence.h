#pragma once
// What persistence is configured as in a backend, and what becomes of it in one exchange. See haproxy/cookie.h for cookies.
#include <cstdint>

#include "base/arena.h"
#include "base/str.h"
#include "config/source.h"

namespace weir::expr {
struct Expr;
}
namespace weir::sticky {
struct StickTable;
}

namespace weir::haproxy {

struct Condition;

// `cookie`, copied by defaults.
struct CookieSettings {
  Str name;  // empty: there is none
  bool rewrite = false;
  bool insert = false;
  bool prefix = false;
  bool indirect = false;
  bool nocache = false;
  bool postonly = false;
  bool preserve = false;
  bool dynamic = false;  // servers without a cookie of their own have one made from their address and `key`
  uint32_t max_idle = 0;  // seconds; 0: no limit
  uint32_t max_life = 0;
  Str attributes;  // "; HttpOnly; Secure": what follows the path of an inserted one
  Str key;  // dynamic-cookie-key

  bool dated() const { return max_idle || max_life; }
  // Whether the log has letters for it: without a mode it is only read.
  bool has_mode() const { return rewrite || insert || prefix || indirect; }
};

// `capture cookie`
struct CookieCapture {
  Str name;  // how it begins; empty: none is captured
  uint32_t length = 0;
};

// `force-persist` and `ignore-persist`, in their order.
struct PersistRule {
  const Condition* condition;
  bool forces;
};

// `stick match`, `stick on`, `stick store-request`, `stick store-response`, in their order.
struct StickRule {
  const expr::Expr* sample = nullptr;
  const Condition* condition = nullptr;
  Str table_name;
  const sticky::StickTable* table = nullptr;
  bool matches = false;
  bool stores = false;
  bool on_response = false;
  config::Where where;
};

// A key under which the server of an exchange is going to be stored.
struct StickKey {
  const sticky::StickTable* table;
  Str key;
  bool by_response;
};

// What the client sent and what it was sent, in the order of the log's letters NIDVEOU and NPDIRU.
enum class CookieSent : uint8_t { none, invalid, down, valid, expired, old, unused };
enum class CookieSet : uint8_t { none, found, deleted, inserted, replaced, updated };

struct CookieUse {
  CookieSent sent = CookieSent::none;
  CookieSet set = CookieSet::none;
  uint32_t first_s = 0;  // wall clock times out of the cookie; 0: it had none
  uint32_t last_s = 0;
  Str captured[2];  // of request and response; data() null: nothing
};

// In an exchange.
struct Persistence {
  bool direct = false;  // the server was not balanced: a rule, a cookie or a table named it
  bool forced = false;
  bool ignored = false;
  CookieUse* cookies = nullptr;  // once they were looked at
  ArenaList<StickKey> keys;
};

}  // namespace weir::haproxy
