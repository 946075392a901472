#pragma once
// What `bind` and `stats socket` lines share: owners and modes of Unix sockets.
#include "haproxy/scope.h"

namespace weir::haproxy {

// Reports an unknown one (a note when offline).
bool find_user(Scope& scope, const Word& word, int& id);
bool find_group(Scope& scope, const Word& word, int& id);
// mode, user, group, uid, gid. True when `name` was one of them.
bool take_socket_owner(Scope& scope, Str name, Words args, int& mode, int& uid, int& gid);

}  // namespace weir::haproxy
