#pragma once
// A pass over Lua source that puts a check wherever a script can go round: into the bodies of while, for and repeat loops, in
// front of each `goto`, and at the beginning of each function. LuaJIT's compiled code looks at no hooks, so a script without end
// could not be ended otherwise. What the check does is in lua/loading.cc.
//
// Lines stay where they are. The check is `(0i)()`, a call of a complex number, whose metatable belongs to the state: it needs
// no local, no upvalue and no name that a script could hide. A label is not the place for it: a jump to the end of a block may
// pass over locals only while nothing stands behind the label.
#include <string>

#include "base/str.h"

namespace weir::lua {

// False: nothing was put in, and `out` is of no use. So with bytecode, and with what is no Lua: the compiler says why.
bool guard_loops(Str code, std::string& out);

}  // namespace weir::lua
