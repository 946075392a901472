#pragma once
// What the C functions of all personalities share. Lua calls them through FFI by name (lua/core.lua declares those of
// api.cc), with texts as address and length, so that compiled traces go through them. None may throw, call back into Lua or
// end a transaction.
#include "lua/call.h"

extern "C" {
// A text that is handed to Lua; it copies it at once.
struct weir_lua_str {
  const char* data;
  size_t size;
};
}

namespace weir::lua {

inline int give(weir_lua_str* out, Str s) {
  out->data = s.data();
  out->size = s.size();
  return 1;
}

// A name or value that a script wrote, in the arena, fit for a header line. Control characters would make lines of their
// own: nginx's Lua module writes them as %XX, HAProxy's words turn them into spaces.
enum class Escape : uint8_t { percent, space };
Str header_value(Arena& arena, Str text, Escape how);
Str header_name(Arena& arena, Str text);  // what is no token character becomes %XX

// The n-th line of the list that is not removed, from `index` on; false: there is none. `index` is left behind it.
bool next_header(const http::HeaderList& headers, uint32_t& index, const http::Header*& out);

}  // namespace weir::lua
