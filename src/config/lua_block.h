#pragma once
// The body of a *_by_lua_block, found by Lua's own lexical rules. Used by the brace lexer only.
#include "config/cursor.h"
#include "config/diag.h"

namespace weir::config {

// `cursor` stands behind the opening brace; it ends behind the closing one. `body` is the text between them, as it is.
// False, with an error, when the file ends first; `body` is then the rest of it.
bool read_lua_block(Cursor& cursor, Str& body, Diagnostics& diag);

}  // namespace weir::config
