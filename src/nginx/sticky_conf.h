#pragma once
// What `sticky` is configured as. Made by nginx/sticky_line.cc, used by nginx/sticky.cc; lives as long as the model.
#include <deque>
#include <memory>
#include <vector>

#include "nginx/hash_key.h"
#include "nginx/lua_hooks.h"
#include "nginx/module.h"
#include "nginx/sticky_ids.h"
#include "sticky/table.h"

namespace weir::nginx {

// What is remembered of a session.
struct StickySession {
  uint8_t size;
  char sid[kSidSize];
};

// Sessions and their servers, in a zone.
struct StickySessions {
  Str name;
  sticky::Table table;
  uint64_t timeout_ms = 0;
};

struct Sticky {
  static constexpr int64_t kNoExpires = -1;
  static constexpr int64_t kMaxExpires = INT64_MAX;

  model::Pool* pool = nullptr;
  std::vector<HashKey*> lookup;
  std::vector<HashKey*> create;
  StickySessions* sessions = nullptr;  // of `learn` and `lua`
  const LuaHook* lua = nullptr;  // says whose request it is, in place of `lookup` and `create`
  bool learns_early = false;  // when the answer's head has come, not when the exchange is over
  Str cookie;  // its name; empty: none is set
  const HashKey* domain = nullptr;
  const HashKey* samesite = nullptr;
  Str path;  // "; path=/"
  int64_t expires = kNoExpires;  // seconds from now
  bool httponly = false;
  bool secure = false;
  StickyIds ids;
};

bool is_samesite(Str value);
// Puts `sticky` in front of the group's own way of choosing. All servers and balancers must be there.
void make_sticky(Scope& scope, Sticky& conf);
// Adds the step that puts the cookie into responses.
void add_sticky_step(Location& location);

}  // namespace weir::nginx
